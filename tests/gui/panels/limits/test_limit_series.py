from app.panels.limits.client_history import ClientHistory, Turn
from app.panels.limits.limit_chart import round_up
from app.panels.limits.limit_series import SECONDS, LimitSeries, Second
from embedded_services.contracts.gateway import LimitClient
from tests.gui.panels.limits.conftest import NOW, client, totals


def test_a_second_is_what_the_totals_grew_by() -> None:
    series = LimitSeries()
    for at, (allowed, limited) in enumerate([(100, 5), (110, 5), (130, 25)]):
        series.sample(float(at), totals(allowed, limited))
    assert series.seconds[-3:] == (None, Second(1.0, 10, 0), Second(2.0, 20, 20))
    assert len(series.seconds) == SECONDS


def test_a_gateway_that_began_anew_takes_nothing_back() -> None:
    series = LimitSeries()
    series.sample(0.0, totals(100, 50))
    series.sample(1.0, totals(7, 1))
    assert series.seconds[-1] == Second(1.0, 7, 1)


def test_what_happened_while_nothing_was_heard_is_not_told_as_one_second() -> None:
    series = LimitSeries()
    series.sample(0.0, totals(100))
    series.skip()
    series.sample(2.0, totals(900))
    series.sample(3.0, totals(901))
    assert series.seconds[-3:] == (None, None, Second(3.0, 1, 0))


def test_the_upper_edge_is_round_and_high_enough() -> None:
    assert [round_up(n) for n in (0, 4, 5, 11, 21, 41, 101, 4000, 4001)] == [
        4,
        4,
        10,
        20,
        40,
        100,
        200,
        4000,
        10_000,
    ]


# --- one client -------------------------------------------------------------------------------------------------------


def told(*steps: tuple[float, LimitClient]) -> list[str]:
    history = ClientHistory()
    for after, row in steps:
        history.take({row.key: row}, NOW + after)
    return [turn.kind for turn in reversed(history.turns("a"))]


def test_a_client_fills_its_allowance_and_gets_it_back_with_time() -> None:
    full = client("a", 100, reset_at=NOW + 30)
    assert told((0, client("a", 4)), (1, client("a", 50)), (2, full), (3, full), (30.2, client("a", 0))) == [
        "seen", "full", "empty",
    ]  # fmt: skip


def test_a_client_that_was_let_off_is_told_from_one_whose_time_was_up() -> None:
    assert told((0, client("a", 40, reset_at=NOW + 30)), (5, client("a", 0))) == ["seen", "reset"]


def test_a_client_may_ask_again_when_the_limit_is_raised() -> None:
    assert told((0, client("a", 100)), (1, client("a", 100, limit=200))) == ["seen", "full", "free"]


def test_the_last_minute_is_kept_and_clients_that_went_are_forgotten() -> None:
    history = ClientHistory()
    for count in range(100):
        row = client("a", count)
        history.take({"a": row}, NOW)
        history.sample([row])
    assert history.counts("a") == tuple(map(float, range(40, 100)))
    assert history.turns("a")[-1] == Turn(NOW - 1, "seen", 0)
    history.take({}, NOW)
    assert (history.counts("a"), history.turns("a")) == ((), ())
