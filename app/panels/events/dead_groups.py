"""Dead letters by queue, reason and type, as they are decided on together, and how their replays stand. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from app.core import figures
from app.core.language import tr
from embedded_services.contracts.queues import DeadLetter, Replay, ReplayGroup

Key = tuple[str, str, str]
SHOWN: Final = 40
"""Groups that are drawn; more are counted."""


@dataclass(frozen=True)
class DeadGroup:
    """`letters` are newest first. `first_at` and `last_at` are None where a broker keeps no time."""

    queue: str
    reason: str
    type: str
    letters: tuple[DeadLetter, ...]
    first_at: float | None
    last_at: float | None
    tries: int

    @property
    def key(self) -> Key:
        return (self.queue, self.reason, self.type)

    @property
    def wire(self) -> ReplayGroup:
        return ReplayGroup(queue=self.queue, reason=self.reason, type=self.type)


def dead_groups(letters: Iterable[DeadLetter]) -> list[DeadGroup]:
    """The group that something fell into last comes first."""
    found: dict[Key, list[DeadLetter]] = {}
    for letter in letters:
        found.setdefault((letter.queue, letter.reason, letter.type), []).append(letter)
    groups = [_group(key, members) for key, members in found.items()]
    return sorted(groups, key=lambda group: (-(group.last_at or 0.0), group.key))


def _group(key: Key, members: list[DeadLetter]) -> DeadGroup:
    times = [letter.dead_at for letter in members if letter.dead_at is not None]
    return DeadGroup(
        *key,
        letters=tuple(sorted(members, key=lambda letter: (-(letter.dead_at or 0.0), letter.id))),
        first_at=min(times, default=None),
        last_at=max(times, default=None),
        tries=max(letter.attempts for letter in members),
    )


def service_of(queue: str) -> str:
    """`order.events` and `order.events.dead` are the order service's."""
    return queue.partition(".")[0]


def queue_word(queue: str) -> str:
    """The queue whose messages these were."""
    return queue.removesuffix(".dead")


def when(group: DeadGroup) -> str:
    if group.first_at is None or group.last_at is None:
        return ""
    first, last = figures.clock_time(group.first_at), figures.clock_time(group.last_at)
    return last if first == last else f"{first} – {last}"


def tries_words(tries: int) -> str:
    return tr("rejected at try 1") if tries <= 1 else tr("after {n} tries", n=tries)


def count_words(count: int) -> str:
    return tr("1 message") if count == 1 else tr("{n} messages", n=figures.count(count))


@dataclass(frozen=True)
class Progress:
    """How far a replay is, or a discarding. `again` of them fell back among the dead letters since."""

    replay: Replay
    again: int = 0
    is_discard: bool = False

    @property
    def is_running(self) -> bool:
        return self.replay.state == "running"

    @property
    def share(self) -> float:
        return (self.replay.done + self.replay.failed) / max(1, self.replay.total)

    @property
    def words(self) -> str:
        done, total = figures.count(self.replay.done), figures.count(self.replay.total)
        if self.is_discard:
            return tr("{n} of {total} discarded", n=done, total=total)
        return tr("{n} of {total} replayed", n=done, total=total)

    @property
    def outcome(self) -> str:
        """What came of it, as far as it is known."""
        replay, parts = self.replay, []
        if replay.failed:
            parts.append(tr("{n} not sent: {why}", n=replay.failed, why=replay.problem or tr("failed")))
        if self.again:
            parts.append(tr("{n} failed again", n=self.again))
        if replay.state == "stopped":
            parts.append(tr("stopped"))
        return " · ".join(parts)


def progress_of(replay: Replay, letters: Mapping[str, DeadLetter], group: Key | None = None) -> Progress:
    """`group` narrows what counts as fallen back to where it was replayed from."""
    again = sum(
        1
        for letter in letters.values()
        if letter.replays
        and letter.dead_at is not None
        and letter.dead_at >= replay.at
        and (group is None or (letter.queue, letter.type) == (group[0], group[2]))
    )
    return Progress(replay, min(again, replay.done))
