"""What the top bar says of the system as a whole: `(backend, link, system) → pill and buttons`. Pure.

The order matters: what the window itself does (starting, stopping) comes first, then whether it can see the system at
all, then what the system says of itself. Nothing is called healthy that is not known to be, now.
"""

from dataclasses import dataclass

from app.core.backend import BackendState, Phase
from app.core.language import tr
from app.core.link import Link
from embedded_services.contracts.system import System, SystemStatus


@dataclass(frozen=True)
class Pill:
    """A status of the tokens, its word, and a figure."""

    status: str
    word: str
    figure: str = ""
    why: str = ""


def pill_of(backend: BackendState, link: Link, system: System | None) -> Pill:
    figure = f"{system.healthy}/{system.total}" if system else ""
    match backend.phase:
        case Phase.STOPPED:
            return Pill("stopped", tr("stopped"))
        case Phase.FAILED:
            return Pill("unhealthy", tr("cannot start"), why=backend.message.text if backend.message else "")
        case Phase.STOPPING:
            return Pill("stopping", tr("stopping"), figure)
        case Phase.STARTING if not link.is_live:
            return Pill("starting", tr("starting"), why=str(backend.message or ""))
        case _:
            return _seen(link, system, figure)


def _seen(link: Link, system: System | None, figure: str) -> Pill:
    if not link.is_live or system is None:
        age = ago(link.age_s) if link.last_reading and not link.is_live else ""
        return Pill("unknown", tr("no contact"), age, link.reason)
    match system.status:
        case SystemStatus.HEALTHY:
            return Pill("healthy", tr("healthy"), figure, system.reason)
        case SystemStatus.STARTING:
            return Pill("starting", tr("starting"), figure, system.reason)
        case SystemStatus.STOPPING:
            return Pill("stopping", tr("stopping"), figure, system.reason)
        case SystemStatus.DEGRADED:
            return Pill("degraded", tr("degraded: {what}", what=system.reason), figure, system.reason)


def ago(seconds: float) -> str:
    """An age in one unit: `4 s`, `3 min`, `2 h`."""
    seconds = max(0.0, seconds)
    if seconds < 60:
        return tr("{n} s", n=int(seconds))
    if seconds < 3600:
        return tr("{n} min", n=int(seconds // 60))
    return tr("{n} h", n=int(seconds // 3600))
