"""A figure is told with its bar, and whether it keeps it."""

import pytest

from tests.benchmarks.figures import Figure, Missing, ratios


@pytest.mark.parametrize(
    ("bar", "readings", "verdict"),
    [
        ("≥ 10", [10.0], "met"),
        ("≥ 10", [9.99], "missed"),
        ("≤ 2.0", [1.0, 2.0, 9.0], "met"),
        ("< 5 with the window", [5.0], "missed"),
        ("0", [0], "met"),
        ("0", [1], "missed"),
        ("", [1.0], ""),
        ("as before", [1.0], ""),
    ],
)
def test_verdict_is_of_the_median(bar: str, readings: list[float], verdict: str) -> None:
    figure = Figure("f", "s", readings, bar)
    assert figure.verdict == figure.as_dict()["verdict"] == verdict


def test_line_shows_figure_spread_bar_verdict_and_notes() -> None:
    line = Figure("rate", "/s", [9000.4, 10000.0, 12000.0], "≥ 1", {"bad": 0}).line()
    assert " ".join(line.split()) == "rate 10,000 /s (9,000 … 12,000, n=3) bar: ≥ 1: met (3 of 3) bad: 0"


def test_what_is_missing_is_told_with_what_to_do() -> None:
    missing = Missing("Caddy", "run: sudo apt-get install -y caddy")
    assert missing.line().split("   ")[-1].strip() == "missing: run: sudo apt-get install -y caddy"
    assert missing.as_dict() == {"name": "Caddy", "missing": "run: sudo apt-get install -y caddy"}


def test_ratios_are_taken_round_by_round() -> None:
    assert ratios([10.0, 30.0], [5.0, 10.0]) == [2.0, 3.0]
    with pytest.raises(ValueError, match="shorter"):
        ratios([1.0, 2.0], [1.0])
