import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.panels.traffic.fault_spans import FaultSpan
from app.panels.traffic.plots import highest, lines_of, log_bounds, top_of


@given(st.floats(0, 1e6), st.floats(1, 100))
def test_axis_ends_at_a_round_number_above_what_is_shown(value: float, least: float) -> None:
    top = top_of(value, least)
    assert top >= 0.998 * max(value, least)
    assert top <= 2.6 * max(value, least)


@given(st.floats(0.01, 1e5), st.floats(0.01, 1e6))
def test_log_axis_has_two_powers_of_ten_at_least_and_room_above(low: float, high: float) -> None:
    bottom, top = log_bounds(low, high)
    assert top >= 100 * bottom
    assert top >= 1.5 * high
    assert math.log10(bottom) == pytest.approx(round(math.log10(bottom)))


def test_what_is_not_known_is_no_height() -> None:
    assert highest([math.nan, 3.0], [1.0]) == 3.0
    assert highest([math.nan], []) == 0.0


def test_words_of_faults_that_begin_together_stand_below_each_other() -> None:
    spans = [
        FaultSpan(name, name, start, None) for name, start in (("a", 10), ("b", 12), ("c", 13), ("d", 90))
    ]
    assert lines_of(spans, 0, 100) == [0, 1, 2, 0]
