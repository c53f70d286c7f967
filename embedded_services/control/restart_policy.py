"""When an ended process is started again: `(history, exit, now) → (history, decision)`, pure.

An exit that was asked for restarts at once and never counts. Others back off, 50 ms doubling to 5 s, and five within
30 s is a crash loop: then only a person starts it again. A run of 30 s clears the backoff, however it ends.
"""

from dataclasses import dataclass

from embedded_services.common.backoff import Backoff

BACKOFF = Backoff(first_s=0.05, longest_s=5.0)
LOOP_EXITS = 5
LOOP_WINDOW_S = 30.0
STABLE_S = 30.0


@dataclass(frozen=True)
class History:
    """Unasked-for exits within the window (monotonic seconds), and how many came in a row without a stable run."""

    exits: tuple[float, ...] = ()
    streak: int = 0


@dataclass(frozen=True)
class Restart:
    delay_s: float


@dataclass(frozen=True)
class CrashLoop:
    exits: int
    within_s: float


def after_exit(
    history: History, *, asked: bool, ran_s: float, now: float
) -> tuple[History, Restart | CrashLoop]:
    """`ran_s` is how long the process lived."""
    if ran_s >= STABLE_S:
        history = History()
    if asked:
        return history, Restart(0.0)
    exits = (*(at for at in history.exits if now - at < LOOP_WINDOW_S), now)
    history = History(exits, history.streak + 1)
    if len(exits) >= LOOP_EXITS:
        return history, CrashLoop(len(exits), now - exits[0])
    return history, Restart(BACKOFF.delay(history.streak, chance=0.0))
