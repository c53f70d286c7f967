"""What the top bar says of the system: nothing is called healthy that is not known to be, now."""

import pytest

from app.core.backend import BackendState, Phase
from app.core.link import Link
from app.frame.status_words import Pill, ago, pill_of
from embedded_services.contracts.system import System, SystemStatus

LIVE = Link(is_live=True, last_reading=90.0)
LOST = Link(is_live=False, reason="silence", last_reading=90.0, age_s=10)


def system(status: SystemStatus, healthy: int = 8, reason: str = "") -> System:
    return System(
        name="demo-shop", version="1", status=status, reason=reason, uptime=1.0, started_at=1.0, workspace="/w",
        gateway=None, control="http://c", broker=None, healthy=healthy, total=8,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("phase", "link", "seen", "pill"),
    [
        (Phase.STOPPED, LOST, None, Pill("stopped", "stopped")),
        (Phase.FAILED, LOST, None, Pill("unhealthy", "cannot start")),
        (Phase.STARTING, LOST, None, Pill("starting", "starting")),
        (Phase.STARTING, LIVE, system(SystemStatus.STARTING, 5), Pill("starting", "starting", "5/8")),
        (Phase.RUNNING, LIVE, system(SystemStatus.HEALTHY), Pill("healthy", "healthy", "8/8")),
        (
            Phase.RUNNING,
            LIVE,
            system(SystemStatus.DEGRADED, 7, "payment"),
            Pill("degraded", "degraded: payment", "7/8", "payment"),
        ),
        (Phase.RUNNING, LOST, system(SystemStatus.HEALTHY), Pill("unknown", "no contact", "10 s", "silence")),
        (Phase.RUNNING, LIVE, None, Pill("unknown", "no contact")),
        (Phase.STOPPING, LIVE, system(SystemStatus.HEALTHY, 3), Pill("stopping", "stopping", "3/8")),
        (Phase.RUNNING, LIVE, system(SystemStatus.STOPPING, 3), Pill("stopping", "stopping", "3/8")),
    ],
)
def test_pill(phase: Phase, link: Link, seen: System | None, pill: Pill) -> None:
    assert pill_of(BackendState(phase), link, seen) == pill


def test_ages_have_one_unit() -> None:
    assert [ago(s) for s in (-1, 0.4, 59.9, 60, 3599, 7300)] == [
        "0 s",
        "0 s",
        "59 s",
        "1 min",
        "59 min",
        "2 h",
    ]
