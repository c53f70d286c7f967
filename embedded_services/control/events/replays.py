"""Sends dead letters again, and takes them away: one at once, or many with progress."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from embedded_services.bus.connection import DisconnectedError
from embedded_services.common.clock import Clock
from embedded_services.common.ids import new_id
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.events import Published
from embedded_services.contracts.queues import DeadLetter, Replay, ReplayGroup, ReplayOptions, ReplayRequest
from embedded_services.contracts.validation import invalid
from embedded_services.control.events.dead_letters import DeadLetters, Held
from embedded_services.control.events.publisher import NotRoutedError, Publisher
from embedded_services.control.events.replaying import replayed

KEPT: Final = 20
AT_ONCE: Final = 50

log = logging.getLogger(__name__)


class Replays:
    """`rows` are the newest replays of several, by id."""

    def __init__(
        self,
        letters: DeadLetters,
        publisher: Publisher,
        clock: Clock,
        tasks: Tasks,
        changed: Callable[[], None],
    ) -> None:
        self._letters = letters
        self._publisher = publisher
        self._clock = clock
        self._tasks = tasks
        self._changed = changed
        self.rows: dict[str, Replay] = {}

    async def one(self, letter: str, options: ReplayOptions) -> Published:
        """Raises NOT_FOUND, CONFLICT, VALIDATION_FAILED, and SERVICE_UNAVAILABLE when the broker does not do it; then it is
        still there, or will be when the broker is back."""
        held = self._letters.take(letter)
        try:
            return await self._replay(held, options)
        finally:
            self._letters.release(held)

    async def discard(self, letter: str) -> None:
        """Raises as `one`."""
        held = self._letters.take(letter)
        try:
            await self._letters.settle(held)
        except DisconnectedError as error:
            raise ApiError("SERVICE_UNAVAILABLE", f"the broker did not take it away: {error}") from error
        finally:
            self._letters.release(held)

    def many(self, request: ReplayRequest) -> Replay:
        """Begins. Raises VALIDATION_FAILED for what names no letters, CONFLICT while another one runs."""
        if bool(request.ids) == (request.group is not None):
            raise invalid("ids", "give either ids or a group; an empty group is all")
        running = next((row for row in self.rows.values() if row.state == "running"), None)
        if running is not None:
            raise ApiError("CONFLICT", f"replay {running.id} is under way; wait until it is done, or stop it")
        group = request.group
        ids = (
            list(dict.fromkeys(request.ids))
            if group is None
            else [letter.id for letter in reversed(self._letters.letters()) if in_group(letter, group)]
        )
        row = Replay(
            id=new_id("replay"), at=self._clock.now(), total=len(ids), done=0, failed=0, state="running"
        )
        self._tell(row)
        options = ReplayOptions(keep_id=request.keep_id, to=request.to)
        self._tasks.spawn(self._run(row.id, ids, options), f"replay {row.id}")
        return row

    def get(self, replay: str) -> Replay:
        row = self.rows.get(replay)
        if row is None:
            raise ApiError("NOT_FOUND", f"there is no replay {replay!r} (any more)")
        return row

    def stop(self, replay: str) -> Replay:
        """What is under way is finished, and nothing more begun."""
        row = self.get(replay)
        if row.state == "running":
            row = msgspec.structs.replace(row, state="stopped")
            self._tell(row)
        return row

    async def _run(self, replay: str, ids: Sequence[str], options: ReplayOptions) -> None:
        try:
            for at in range(0, len(ids), AT_ONCE):
                if self.rows[replay].state != "running":
                    return
                problems = await asyncio.gather(
                    *(self._problem_with(letter, options) for letter in ids[at : at + AT_ONCE])
                )
                failed = [problem for problem in problems if problem]
                row = self.rows[replay]
                self._tell(
                    msgspec.structs.replace(
                        row,
                        done=row.done + len(problems) - len(failed),
                        failed=row.failed + len(failed),
                        problem=failed[-1] if failed else row.problem,
                    )
                )
            row = self.rows[replay]
            if row.state == "running":
                self._tell(msgspec.structs.replace(row, state="done"))
        finally:
            row = self.rows[replay]
            if row.state == "running":
                self._tell(msgspec.structs.replace(row, state="stopped"))

    async def _problem_with(self, letter: str, options: ReplayOptions) -> str:
        try:
            await self.one(letter, options)
        except ApiError as error:
            return error.message
        return ""

    async def _replay(self, held: Held, options: ReplayOptions) -> Published:
        message = held.message
        copy = replayed(
            held.letter.queue, message.body, message.header.properties, held.letter.message_id, options
        )
        try:
            await self._publisher.publish(copy.exchange, copy.routing_key, copy.body, copy.properties)
        except NotRoutedError as error:
            raise ApiError("CONFLICT", f"{held.letter.id} stays where it is: {error}") from error
        except DisconnectedError as error:
            raise ApiError(
                "SERVICE_UNAVAILABLE",
                f"{held.letter.id} stays where it is: the broker did not take it: {error}",
            ) from error
        try:
            await self._letters.settle(held)
        except DisconnectedError as error:
            raise ApiError(
                "SERVICE_UNAVAILABLE",
                f"{held.letter.id} was sent again, but the broker was lost before it could be taken away ({error}); "
                "replaying it once more does no harm, the copy has the same id",
            ) from error
        return Published(message_id=copy.message_id, routed=True)

    def _tell(self, row: Replay) -> None:
        self.rows[row.id] = row
        while len(self.rows) > KEPT:
            del self.rows[next(iter(self.rows))]
        self._changed()


def in_group(letter: DeadLetter, group: ReplayGroup) -> bool:
    return (
        group.queue in ("", letter.queue)
        and group.reason in ("", letter.reason)
        and group.type in ("", letter.type)
    )
