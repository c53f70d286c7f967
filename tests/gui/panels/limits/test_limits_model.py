from collections.abc import Callable

import pytest
from PySide6.QtCore import QAbstractItemModel
from PySide6.QtTest import QSignalSpy

from app.panels.limits.gauge import fullness, says, tone_of
from app.panels.limits.limits_model import LimitsModel, Place, countdown
from app.panels.limits.limits_words import behaviours, whole_rule
from embedded_services.contracts.limits import Algorithm, LimitSettings
from tests.gui.panels.limits.conftest import NOW, client


def shown(model: LimitsModel, row: int) -> list[str]:
    return [str(model.index(row, column).data()) for column in range(model.columnCount())]


def test_a_row_says_all_that_is_known(check_model: Callable[[QAbstractItemModel], None]) -> None:
    model = LimitsModel()
    check_model(model)
    model.now = NOW
    model.show_clients(
        [
            client("127.0.0.2", 100, limited=1200, allowed=100, last429_at=NOW - 3, reset_at=NOW + 42.9),
            client("127.0.0.1", 0),
        ]
    )
    assert shown(model, 0) == ["127.0.0.1", "0 %", "0", "100", "100", "–", "never", "0", "0", ""]
    assert shown(model, 1) == [
        "127.0.0.2", "at the limit", "100", "100", "0", "0:42", "3 s ago", "100", "1,200", "",
    ]  # fmt: skip


def test_rows_stand_in_the_order_of_their_keys_with_numbers_by_value() -> None:
    model = LimitsModel()
    model.show_clients([client(key) for key in ("user b", "127.0.0.10", "127.0.0.9", "::1", "user A")])
    assert [row.key for row in model.rows()] == ["127.0.0.9", "127.0.0.10", "::1", "user A", "user b"]


def test_time_moves_without_a_word_to_views() -> None:
    model = LimitsModel()
    model.now = NOW
    model.show_clients([client("a", reset_at=NOW + 11)])
    spy = QSignalSpy(model.dataChanged)
    assert (model.columns[Place.RESETS].text(model.rows()[0]), model.is_counting_down()) == ("0:11", False)
    model.now = NOW + 6.8
    assert (model.columns[Place.RESETS].text(model.rows()[0]), model.is_counting_down()) == ("4.2 s", True)
    model.now = NOW + 20
    assert (model.columns[Place.RESETS].text(model.rows()[0]), model.is_counting_down()) == ("0.0 s", False)
    assert spy.count() == 0


@pytest.mark.parametrize(
    ("seconds", "text"), [(-3, "0.0 s"), (9.94, "9.9 s"), (10, "0:10"), (3599, "59:59"), (86_400, "1 d 0:00")]
)
def test_a_countdown_is_short(seconds: float, text: str) -> None:
    assert countdown(seconds) == text


def test_full_is_said_only_where_nothing_is_left() -> None:
    nearly = client("a", 999, limit=1000)
    assert (fullness(nearly) < 1, says(nearly), tone_of(nearly)) == (True, "99 %", "warn")
    full = client("a", 1000, limit=1000)
    assert (fullness(full), says(full), tone_of(full)) == (1, "at the limit", "status_429")
    assert says(client("a", 120, limit=100)) == "20 over the limit"
    assert says(client("a", 1, limit=10**9)) == "< 1 %"


def test_what_the_end_of_a_countdown_means_depends_on_the_algorithm() -> None:
    model = LimitsModel()
    tips = set()
    for algorithm in Algorithm:
        model.algorithm = algorithm.value
        tips.add(model.reset_words(client("a")))
    assert len(tips) == len(set(behaviours().values())) == 3
    assert model.reset_words(client("a", 0)) == "Nothing counts against it."


def test_a_rule_is_said_in_a_sentence() -> None:
    assert whole_rule(LimitSettings()) == "100 per 60 s for each address, fixed window"
    header = LimitSettings(algorithm=Algorithm.TOKEN_BUCKET, limit=5000, window_s=1, key="header:X-Key")
    assert whole_rule(header) == "5,000 per 1 s for each value of X-Key, token bucket"
