"""The text format of Prometheus (0.0.4): families of samples with their help, type and labels. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

CONTENT_TYPE: Final = (b"Content-Type", b"text/plain; version=0.0.4; charset=utf-8")

Labels = Mapping[str, str]


class Exposition:
    """Put together family by family; `text` is the whole."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def counter(self, name: str, help_text: str, samples: Iterable[tuple[Labels, float]]) -> None:
        """`name` ends with `_total`."""
        self._family(name, "counter", help_text, samples)

    def gauge(self, name: str, help_text: str, samples: Iterable[tuple[Labels, float]]) -> None:
        self._family(name, "gauge", help_text, samples)

    def histogram(
        self,
        name: str,
        help_text: str,
        bounds: Sequence[float],
        samples: Iterable[tuple[Labels, Sequence[int], float]],
    ) -> None:
        """A sample is its labels, how many were not above each of `bounds` (and how many there were), and their sum."""
        self._head(name, "histogram", help_text)
        ends = [*(_number(bound) for bound in bounds), "+Inf"]
        for labels, below, total in samples:
            for end, count in zip(ends, below, strict=True):
                self._lines.append(f"{name}_bucket{_labels({**labels, 'le': end})} {count}\n")
            self._lines.append(f"{name}_sum{_labels(labels)} {_number(total)}\n")
            self._lines.append(f"{name}_count{_labels(labels)} {below[-1]}\n")

    @property
    def text(self) -> bytes:
        return "".join(self._lines).encode("utf-8", "replace")

    def _family(self, name: str, kind: str, help_text: str, samples: Iterable[tuple[Labels, float]]) -> None:
        self._head(name, kind, help_text)
        self._lines += [f"{name}{_labels(labels)} {_number(value)}\n" for labels, value in samples]

    def _head(self, name: str, kind: str, help_text: str) -> None:
        escaped = help_text.replace("\\", "\\\\").replace("\n", "\\n")
        self._lines.append(f"# HELP {name} {escaped}\n# TYPE {name} {kind}\n")


def _labels(labels: Labels) -> str:
    inside = ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items())
    return f"{{{inside}}}" if inside else ""


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    if math.isinf(value) or math.isnan(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    return repr(value)
