"""Text is readable in both themes: 4.5:1 on every surface that it may stand on, computed from the themes' own files."""

from itertools import product
from typing import get_args

import pytest

from app.qt.tokens import SchemeName, Tone, load_event_colors, load_scheme, load_tokens

SCHEMES: tuple[SchemeName, ...] = get_args(SchemeName)

TEXT: tuple[Tone, ...] = (
    "text", "text_secondary", "text_muted", "accent", "ok", "warn", "bad", "frozen", "unknown", "fault",
)  # fmt: skip
SURFACES: tuple[Tone, ...] = (
    "canvas", "surface", "surface_raised", "surface_overlay", "surface_sunken", "surface_hover", "surface_selected",
)  # fmt: skip
TINTED: tuple[tuple[Tone, Tone], ...] = (
    ("ok", "ok_tint"), ("warn", "warn_tint"), ("bad", "bad_tint"), ("frozen", "frozen_tint"),
    ("unknown", "unknown_tint"), ("fault", "fault_tint"), ("accent", "accent_tint"),
    ("text", "bad_tint"), ("text", "warn_tint"), ("text", "fault_tint"), ("text", "accent_tint"),
    ("text_secondary", "bad_tint"), ("text_secondary", "warn_tint"), ("text_secondary", "accent_tint"),
    ("text_on_accent", "accent_fill"), ("text_on_accent", "accent_fill_hover"), ("text_on_accent", "fault_fill"),
)  # fmt: skip
LINES: tuple[Tone, ...] = (
    "border_strong", "edge", "plot_p50", "plot_p95", "plot_p99", "plot_max",
    "status_2xx", "status_4xx", "status_429", "status_5xx", "text_disabled",
)  # fmt: skip


def luminance(color: str) -> float:
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", SCHEMES)
def test_text_is_readable_on_every_surface(name: SchemeName) -> None:
    colors = load_scheme(name)
    pairs = [*product(TEXT, SURFACES), *TINTED]
    low = {f"{t} on {s}": round(contrast(colors[t], colors[s]), 2) for t, s in pairs}
    assert {pair: ratio for pair, ratio in low.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("name", SCHEMES)
def test_event_types_are_readable(name: SchemeName) -> None:
    colors = load_scheme(name)
    pairs = product(load_event_colors(name).items(), ("surface", "surface_selected", "surface_hover"))
    low = {f"{event} on {s}": round(contrast(color, colors[s]), 2) for (event, color), s in pairs}  # type: ignore[index]  # literals of Tone
    assert {pair: ratio for pair, ratio in low.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("name", SCHEMES)
def test_lines_that_mean_something_are_seen(name: SchemeName) -> None:
    colors = load_scheme(name)
    low = {line: round(contrast(colors[line], colors["surface"]), 2) for line in LINES}
    assert {line: ratio for line, ratio in low.items() if ratio < 3.0} == {}


@pytest.mark.parametrize("name", SCHEMES)
def test_lamps_are_seen_on_every_row(name: SchemeName) -> None:
    colors = load_scheme(name)
    rows: tuple[Tone, ...] = ("surface", "surface_raised", "surface_selected", "surface_hover")
    pairs = product(load_tokens().status.items(), rows)
    low = {f"{status} on {row}": contrast(colors[look.tone], colors[row]) for (status, look), row in pairs}
    assert {pair: ratio for pair, ratio in low.items() if ratio < 3.0} == {}


def test_statuses_differ_by_more_than_colour() -> None:
    """In greyscale well, ill, frozen, starting, stopped and unknown must still differ."""
    looks = load_tokens().status
    apart = (
        "healthy",
        "degraded",
        "unhealthy",
        "frozen",
        "starting",
        "draining",
        "stopped",
        "unknown",
        "injected",
        "undoing",
    )
    assert len({looks[status].shape for status in apart}) == len(apart)
