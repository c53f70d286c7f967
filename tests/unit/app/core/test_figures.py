"""Figures: one way to write each of them."""

import pytest

from app.core import figures


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (figures.count(9779), "9,779"),
        (figures.count(0), "0"),
        (figures.count(None), "–"),
        (figures.decimal(24.64), "24.6"),
        (figures.decimal(1024.5), "1,024.5"),
        (figures.decimal(None), "–"),
        (figures.rate(27.41), "27.4 /s"),
        (figures.rate(0.0), "idle"),
        (figures.rate(None), "–"),
        (figures.megabytes(33 * 2**20), "33 MB"),
        (figures.megabytes(None), "–"),
    ],
)
def test_what_is_not_known_is_a_dash_and_nothing_is_a_nought(shown: str, expected: str) -> None:
    assert shown == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(None, "–"), (-1, "0:00"), (3.9, "0:03"), (363, "6:03"), (3963, "1:06:03"), (187_560, "2 d 4:06")],
)
def test_durations_grow_by_unit(seconds: float | None, expected: str) -> None:
    assert figures.lasting(seconds) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5, "just now"),
        (0.9, "just now"),
        (4.2, "4 s ago"),
        (61, "1 min ago"),
        (7300, "2 h ago"),
        (5e5, "5 d ago"),
    ],
)
def test_ages_have_one_unit(seconds: float, expected: str) -> None:
    assert figures.ago(seconds) == expected


def test_a_moment_says_tenths_of_seconds() -> None:
    assert figures.moment(1_700_000_000.96).endswith(":20.9")
    assert figures.clock_time(1_700_000_000.96).endswith(":20")


@pytest.mark.parametrize(
    ("count", "expected"),
    [(None, "–"), (0, "0 B"), (999, "999 B"), (1500, "1.5 KB"), (50_000_000, "50.0 MB")],
)
def test_sizes_are_decimal(count: int | None, expected: str) -> None:
    assert figures.size(count) == expected


def test_a_precise_time_says_thousandths() -> None:
    assert figures.precise_time(1_700_000_000.25).endswith(":20.250")
