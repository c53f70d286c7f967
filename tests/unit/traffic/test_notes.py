from embedded_services.contracts.traffic import TrafficPlan, TrafficTotals
from embedded_services.traffic.accounts import Accounts
from embedded_services.traffic.notes import notes
from tests.helpers.clock import FakeClock


def said(plan: TrafficPlan, totals: TrafficTotals, addresses: int, trouble: str = "") -> list[str]:
    accounts = Accounts(FakeClock())
    accounts.resize(plan.clients)
    accounts.trouble = trouble
    return notes(plan, totals, addresses, accounts)


def test_nothing_is_said_when_figures_speak_for_themselves() -> None:
    assert said(TrafficPlan(clients=10), TrafficTotals(late_p99_ms=0.3), 10) == []


def test_what_was_not_sent_is_said_with_the_reason() -> None:
    found = said(TrafficPlan(), TrafficTotals(errors={"not-sent": 1200, "too-late": 3}), 1)
    assert [line.split(":")[0] for line in found] == [
        "1,200 requests were not sent",
        "3 requests were not sent",
    ]


def test_generator_that_is_late_says_so() -> None:
    (line,) = said(TrafficPlan(), TrafficTotals(late_p99_ms=40.0), 1)
    assert "40 ms late" in line


def test_shared_addresses_and_accounts_are_said() -> None:
    found = said(TrafficPlan(clients=500), TrafficTotals(), 1)
    assert any("one source address" in line for line in found)
    assert any("50 accounts" in line for line in found)


def test_failed_sign_in_comes_first() -> None:
    assert said(TrafficPlan(clients=500), TrafficTotals(), 1, "answered with 503")[0].startswith(
        "Sign-in failed: answered with 503"
    )
