"""The last minute of each instance, and the rate of its requests, from totals alone."""

from hypothesis import given
from hypothesis import strategies as st

from app.panels.services.readings import KEPT, Readings
from embedded_services.contracts.instances import Instance, Latency
from tests.gui.panels.services.shop import instance


def user(requests: int, p99: float | None = None, identity: str = "user-1") -> Instance:
    return instance(identity, requests=requests, latency_ms=Latency(p50=p99, p99=p99))


def test_a_minute_is_kept_the_newest_last() -> None:
    readings = Readings()
    for second in range(70):
        readings.sample(second, [user(0, float(second))])
    assert readings.latency("user-1") == tuple(float(second) for second in range(10, 70))


def test_a_new_instance_has_its_past_empty() -> None:
    readings = Readings()
    readings.sample(0, [user(0, 5.0)])
    assert readings.latency("user-1") == (*[None] * (KEPT - 1), 5.0)
    assert readings.latency("nobody-1") == ()


def test_the_rate_is_that_of_the_last_seconds() -> None:
    readings = Readings()
    assert readings.rate(["user-1"]) is None
    readings.sample(0.0, [user(100)])
    assert readings.rate(["user-1"]) is None
    readings.sample(1.0, [user(110)])
    assert readings.rate(["user-1"]) == 10.0
    for second in range(2, 20):
        readings.sample(float(second), [user(110)])
    assert readings.rate(["user-1"]) == 0.0


def test_rates_of_a_service_add_up() -> None:
    readings = Readings()
    for second in (0, 1):
        readings.sample(second, [user(10 * second), user(5 * second, identity="user-2")])
    assert readings.rate(["user-1", "user-2"]) == 15.0


def test_a_count_that_begins_anew_is_no_negative_rate() -> None:
    readings = Readings()
    for second, total in enumerate([1000, 1010, 3, 13]):
        readings.sample(second, [user(total)])
    assert readings.rate(["user-1"]) == 10.0


def test_a_second_without_contact_is_a_gap() -> None:
    readings = Readings()
    readings.sample(0, [user(0, 1.0)])
    readings.skip()
    readings.sample(2, [user(0, 3.0)])
    assert readings.latency("user-1")[-3:] == (1.0, None, 3.0)
    assert readings.rate(["user-1"]) is None


@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=30))
def test_no_sequence_of_totals_gives_a_negative_rate(totals: list[int]) -> None:
    readings = Readings()
    for second, total in enumerate(totals):
        readings.sample(float(second), [user(total)])
        rate = readings.rate(["user-1"])
        assert rate is None or rate >= 0
