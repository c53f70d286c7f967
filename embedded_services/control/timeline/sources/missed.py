"""What a process had to tell and did not: there was no room for it, or it was lost on the way. Pure but for memory."""

from collections.abc import Iterator

from embedded_services.contracts.agent import Beat
from embedded_services.contracts.timeline import TimelineKind, TimelineSubject
from embedded_services.control.timeline.facts import Fact


class MissedFacts:
    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int]] = {}
        self._missed: dict[str, int] = {}

    def told(self, child: str, incarnation: int, beat: Beat, at: float) -> Iterator[Fact]:
        """A beat of `child`, received `at`."""
        counted = (
            ("decisions", len(beat.decisions), beat.decisions_seq),
            ("handled messages", len(beat.handled), beat.handled_seq),
        )
        for what, items, total in counted:
            missing = self._missing(f"{child}|{what}", incarnation, items, total)
            if missing:
                yield self._fact(child, what, missing, at)
        if beat.sagas_missed:
            yield self._fact(child, "movements of sagas", beat.sagas_missed, at)

    def _missing(self, key: str, incarnation: int, items: int, total: int) -> int:
        """`total` counts all there were in this incarnation; 0 when the beat is not about them."""
        known, seen = self._seen.get(key, (incarnation, 0))
        if known != incarnation:
            seen = 0
        fresh = max(total - seen, items)
        if fresh:
            self._seen[key] = incarnation, seen + fresh
        return fresh - items

    def _fact(self, child: str, what: str, missing: int, at: float) -> Fact:
        key = f"{child}|{what}"
        count = self._missed[key] = self._missed.get(key, 0) + missing
        return Fact(
            kind=TimelineKind.MISSED,
            at=at,
            text=f"{child}: {count:,} {what} were not told",
            subject=TimelineSubject(process=child),
            source=child,
            word=what,
            key=f"missed:{key}",
            count=count,
        )
