"""The history of events on disk: bounded, kept from run to run, and searchable.

It lies in files of about equal size, and the oldest file goes as a whole. What cannot be read any more is thrown away,
which the log tells: it is a record of what passed, and nothing depends on it.

Everything here blocks: it is called in threads. One thread writes, any number read.
"""

import logging
import re
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from embedded_services.broker.topics import TopicTrie
from embedded_services.contracts.events import EventPage, EventQuery, Seen
from embedded_services.control.events.matching import storable
from embedded_services.control.events.segment import Segment, Wanted

SEGMENT: Final = 100_000
SEGMENTS: Final = 11
"""So that at least ten full ones, a million events, are there at any time."""
MAX_BYTES: Final = 2 * 1024**3
THREADS: Final = 2
REMEMBERED: Final = 64
"""Answers of full segments, which do not change: asked again, only the newest segment is searched."""

StoreError: Final = (sqlite3.Error, OSError)

log = logging.getLogger(__name__)


class HistoryError(Exception):
    """The files of the history cannot be read or written; the text says why."""


class EventStore:
    """Every call raises HistoryError when the files cannot be used."""

    def __init__(
        self,
        folder: Path,
        *,
        segment: int = SEGMENT,
        segments: int = SEGMENTS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._folder = folder
        self._segment = segment
        self._segments = segments
        self._segment_bytes = max(1, max_bytes // segments)
        self._lock = threading.RLock()
        self._memory = threading.Lock()
        self._readers = ThreadPoolExecutor(THREADS, thread_name_prefix="events")
        self._remembered: OrderedDict[tuple[int, Wanted, int], tuple[list[Seen], int]] = OrderedDict()
        with _told():
            folder.mkdir(parents=True, exist_ok=True)
        self._kept: list[tuple[int, Segment]] = self._open_all()
        self.last_seq = max((segment.last for _, segment in self._kept), default=0)

    def close(self) -> None:
        self._readers.shutdown(wait=True)
        with self._lock:
            for _, segment in self._kept:
                segment.close()

    # --- writing ---

    def append(self, added: Sequence[Seen]) -> None:
        """Events in the order of their numbers, all larger than `last_seq`. Not everything that raises has changed nothing:
        a part may be there."""
        with self._lock, _told():
            at = 0
            while at < len(added):
                segment = self._writable()
                part = added[at : at + max(1, self._segment - segment.count)]
                try:
                    segment.append(part)
                except StoreError as error:
                    if not _is_damage(error):
                        raise
                    self._throw_away(segment, error)
                    continue  # with another one
                self.last_seq = max(self.last_seq, part[-1].seq)
                at += len(part)

    def _writable(self) -> Segment:
        if self._kept:
            segment = self._kept[-1][1]
            if segment.count < self._segment and segment.size < self._segment_bytes:
                return segment
            segment.seal()
        number = self._kept[-1][0] + 1 if self._kept else 1
        segment = Segment(self._path(number))
        kept = [*self._kept, (number, segment)]
        self._kept, gone = kept[-self._segments :], kept[: -self._segments]
        for _, old in gone:
            old.remove()
        return segment

    # --- reading ---

    @property
    def first_seq(self) -> int:
        """The oldest that is there; 1 more than `last_seq` when there is none."""
        return next((segment.first for _, segment in self._kept if segment.count), self.last_seq + 1)

    def search(self, query: EventQuery) -> EventPage:
        """The newest matches, and how many there are in all."""
        kept = list(self._kept)
        wanted = _wanted(query, {type_ for _, segment in kept for type_ in list(segment.types)})
        parts = self._readers.map(
            lambda at: self._search(
                kept[at][0], kept[at][1], wanted, query.limit, is_last=at == len(kept) - 1
            ),
            range(len(kept) - 1, -1, -1),
        )
        items: list[Seen] = []
        total = 0
        with _told():
            for found, count in parts:
                items += found[: query.limit - len(items)]
                total += count
        first, last = self.first_seq, self.last_seq
        held = sum(segment.count for _, segment in kept)
        return EventPage(items=items, total=total, first_seq=first, last_seq=last, dropped=last - held)

    def forget_answers(self) -> None:
        """So that each search is one, as a measurement wants it."""
        with self._memory:
            self._remembered.clear()

    def _search(
        self, number: int, segment: Segment, wanted: Wanted, limit: int, *, is_last: bool
    ) -> tuple[list[Seen], int]:
        after, before = wanted.after, wanted.before
        if not segment.count or segment.last <= after or (before and segment.first >= before):
            return [], 0
        wanted = msgspec.structs.replace(
            wanted,
            after=0 if after < segment.first else after,
            before=0 if before > segment.last else before,
            types=None if wanted.types is None else wanted.types & segment.types,
        )
        key = (number, wanted, limit)
        if not is_last and (known := self._remembered.get(key)) is not None:
            return known
        try:
            found = segment.search(wanted, limit)
        except StoreError as error:
            if _is_damage(error):
                self._throw_away(segment, error)
            elif any(kept is segment for _, kept in self._kept):
                raise
            return [], 0  # it went while we read
        if not is_last:
            with self._memory:
                self._remembered[key] = found
                if len(self._remembered) > REMEMBERED:
                    self._remembered.popitem(last=False)
        return found

    # --- the files ---

    def _path(self, number: int) -> Path:
        return self._folder / f"history-{number}.db"

    def _throw_away(self, segment: Segment, error: Exception) -> None:
        with self._lock:
            if any(kept is segment for _, kept in self._kept):
                self._kept = [(number, kept) for number, kept in self._kept if kept is not segment]
                log.warning("%s is damaged and was thrown away: %s", segment.path, error)
                segment.remove()

    def _open_all(self) -> list[tuple[int, Segment]]:
        found = [
            (int(name[1]), path)
            for path in self._folder.glob("history-*.db")
            if (name := re.fullmatch(r"history-(\d{1,12})\.db", path.name))
        ]
        kept = []
        for number, path in sorted(found):
            try:
                kept.append((number, Segment(path)))
            except StoreError as error:
                log.warning("%s is damaged and was thrown away: %s", path, error)
                for suffix in ("", "-wal", "-shm"):
                    path.with_name(path.name + suffix).unlink(missing_ok=True)
        return kept


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise HistoryError(str(error)) from error


def _is_damage(error: Exception) -> bool:
    """Rather than a full disk, or something else that passes."""
    return type(error) is sqlite3.DatabaseError


def _wanted(query: EventQuery, types: set[str]) -> Wanted:
    matching = None
    if query.type:
        pattern: TopicTrie[bool] = TopicTrie()
        pattern.add(query.type, True)
        matching = frozenset(type_ for type_ in types if pattern.match(type_))
    return Wanted(query.after, query.before, matching, query.trace, storable(query.q))
