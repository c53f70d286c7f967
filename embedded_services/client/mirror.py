"""The window's copy of the control plane's state: `(mirror, frame) → mirror | Resync`, pure.

A snapshot replaces everything. A delta applies only to the revision just before its own; any other means that
something was missed, and the mirror is worth nothing until the next snapshot. Frames that are not about state leave
it as it is. Mirrors are never changed: what a reader holds stays as it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

from embedded_services.contracts.stream import Delta, Frame, Snapshot

Rows: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Mirror:
    """`topics` holds the rows of each topic by key. `rev` is None until there was a snapshot, and during a resync."""

    rev: int | None = None
    topics: Mapping[str, Rows] = field(default_factory=lambda: MappingProxyType({}))

    def rows(self, topic: str) -> Rows:
        return self.topics.get(topic, MappingProxyType({}))


@dataclass(frozen=True)
class Resync:
    """A delta did not follow on `have`: ask for a snapshot. The rows last known may still be shown, as old."""

    have: int
    got: int


def apply(mirror: Mirror, frame: Frame) -> Mirror | Resync:
    """A delta that comes while there is no revision to build on is passed over: its snapshot is still to come."""
    if isinstance(frame, Snapshot):
        return Mirror(
            frame.rev,
            MappingProxyType({topic: MappingProxyType(rows) for topic, rows in frame.state.items()}),
        )
    if not isinstance(frame, Delta) or mirror.rev is None:
        return mirror
    if frame.rev != mirror.rev + 1:
        return Resync(mirror.rev, frame.rev)
    return _changed(mirror, frame)


def _changed(mirror: Mirror, delta: Delta) -> Mirror:
    topics = dict(mirror.topics)
    for topic in delta.set.keys() | delta.remove.keys():
        rows = {**mirror.rows(topic), **delta.set.get(topic, {})}
        for key in delta.remove.get(topic, ()):
            rows.pop(key, None)
        topics[topic] = MappingProxyType(rows)
    return Mirror(delta.rev, MappingProxyType(topics))
