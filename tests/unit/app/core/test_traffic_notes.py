"""Everything that the system says of traffic is known to the window, and reads the same in English."""

import pytest

from app.core.traffic_notes import is_known, said
from embedded_services.contracts.limits import LimitSettings
from embedded_services.contracts.traffic import TrafficPlan, TrafficTotals
from embedded_services.control.traffic.desk import BEGUN_ANEW
from embedded_services.control.traffic.plans import limit_note
from embedded_services.traffic.accounts import Accounts
from embedded_services.traffic.notes import notes
from tests.helpers.clock import FakeClock


def all_notes() -> list[str]:
    plan = TrafficPlan(rate=5_000.0, clients=1_000)
    accounts = Accounts(FakeClock())
    accounts.resize(plan.clients)
    accounts.trouble = "answered with 503"
    totals = TrafficTotals(errors={"not-sent": 1_234, "too-late": 5}, late_p99_ms=1_234.0)
    limits = LimitSettings(limit=100, window_s=60)
    limited = [limit_note(plan, clients, limits) for clients in (1, 1_000)]
    return [*notes(plan, totals, 1, accounts), *(note for note in limited if note is not None)]


REASONS = [
    "stopped by you",
    "stopped by you; its process did not answer, and was killed",
    "its 30 s are over",
    "its process was restarted",
    "its process ended: killed by signal 9",
    BEGUN_ANEW,
]


@pytest.mark.parametrize("text", [*all_notes(), *REASONS])
def test_what_the_system_says_is_known_and_reads_the_same(text: str) -> None:
    assert is_known(text)
    assert said(text) == text


def test_there_are_as_many_notes_as_can_be() -> None:
    assert len(all_notes()) == 8


def test_what_is_not_known_is_shown_as_it_is() -> None:
    assert said("something new") == "something new"
