"""When an ended process is started again: `(history, exit, now) → (history, decision)`, pure.

An exit that was asked for restarts at once and never counts. Others back off, 50 ms doubling to 5 s, and five within
30 s is a crash loop: then only a person starts it again. A run of 30 s clears the backoff.
"""

from dataclasses import dataclass

FIRST_S = 0.05
LONGEST_S = 5.0
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
    if asked:
        return history, Restart(0.0)
    exits = (*(at for at in history.exits if now - at < LOOP_WINDOW_S), now)
    streak = 1 if ran_s >= STABLE_S else history.streak + 1
    if len(exits) >= LOOP_EXITS:
        return History(exits, streak), CrashLoop(len(exits), now - exits[0])
    return History(exits, streak), Restart(min(LONGEST_S, FIRST_S * 2.0 ** (streak - 1)))
