"""A measured figure, its bar, whether it keeps it, and how it is told."""

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Final

_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "≥": operator.ge,
    "≤": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "": operator.eq,
}


@dataclass(frozen=True)
class Figure:
    """`readings` are what was measured, in `unit`; their median is the figure. `bar` says what it should keep:
    `≥ 10`, `< 500 with the window`, or a number that it should be."""

    name: str
    unit: str
    readings: Sequence[float]
    bar: str = ""
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def value(self) -> float:
        return median(self.readings)

    @property
    def verdict(self) -> str:
        """`met` or `missed`; empty without a bar."""
        kept = self._keep(self.value)
        return "" if kept is None else "met" if kept else "missed"

    def _keep(self, value: float) -> bool | None:
        bar = re.match(r"([≥≤<>]?)\s*([\d.]+)", self.bar)
        return None if bar is None else _COMPARE[bar[1]](value, float(bar[2]))

    def line(self) -> str:
        spread = f" ({_short(min(self.readings))} … {_short(max(self.readings))}, n={len(self.readings)})"
        kept = sum(self._keep(value) is True for value in self.readings)
        bar = f"   bar: {self.bar}: {self.verdict} ({kept} of {len(self.readings)})" if self.bar else ""
        notes = "".join(f"   {name}: {value}" for name, value in self.notes.items())
        return f"{self.name:<58} {_short(self.value):>9} {self.unit}{spread}{bar}{notes}"

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "value": self.value, "verdict": self.verdict}


@dataclass(frozen=True)
class Missing:
    """What could not be measured here, and what to do about it."""

    name: str
    why: str

    def line(self) -> str:
        return f"{self.name:<58}   missing: {self.why}"

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "missing": self.why}


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Of readings that were taken in the same rounds, round by round."""
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
