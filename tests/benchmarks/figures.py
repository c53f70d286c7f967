"""A measured figure, its bar, and how it is told."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Figure:
    """`readings` are what was measured, in `unit`; their median is the figure. `bar` says what it should keep."""

    name: str
    unit: str
    readings: Sequence[float]
    bar: str = ""
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def value(self) -> float:
        return median(self.readings)

    def line(self) -> str:
        spread = f" ({min(self.readings):.4g} … {max(self.readings):.4g}, n={len(self.readings)})"
        bar = f"   bar: {self.bar}" if self.bar else ""
        notes = "".join(f"   {name}: {value}" for name, value in self.notes.items())
        return f"{self.name:<58} {self.value:>9.4g} {self.unit}{spread}{bar}{notes}"

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "value": self.value}
