"""Subjects that are compared meet the same noise: each is measured once a round, and every round another one begins."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

S = TypeVar("S")
R = TypeVar("R")


async def interleaved(
    subjects: Sequence[S], rounds: int, measure: Callable[[S], Awaitable[R]]
) -> list[list[R]]:
    """What was measured of each subject, a reading a round."""
    readings: list[list[R]] = [[] for _ in subjects]
    for turn in range(rounds):
        for place in range(len(subjects)):
            number = (turn + place) % len(subjects)
            readings[number].append(await measure(subjects[number]))
    return readings
