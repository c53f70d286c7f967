"""Rendering templates in a thread of their own, so that neither the event loop nor the database waits for them."""

from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.validation import invalid
from embedded_services.services.kit.lane import Lane
from embedded_services.services.notification.data import check_data
from embedded_services.services.notification.language import (
    Compiled,
    Language,
    MissingVariableError,
    TemplateFaultError,
)
from embedded_services.services.notification.messages import Channel

SUBJECT_LIMIT: Final = 200
BODY_LIMITS: Final = {Channel.EMAIL: 20_000, Channel.SMS: 1_600, Channel.PUSH: 1_000}
"""Characters of what is rendered."""

_KEPT: Final = 64
_WAITING_LIMIT: Final = 256


@dataclass(frozen=True)
class Source:
    """A template as it is stored."""

    channel: Channel
    subject: str | None
    body: str


@dataclass(frozen=True)
class Rendered:
    channel: Channel
    subject: str | None
    body: str


@dataclass(frozen=True)
class _Pair:
    subject: Compiled | None
    body: Compiled


class Renderer:
    """`async with Renderer() as renderer:`"""

    def __init__(self) -> None:
        self._language = Language()
        self._lane = Lane("template renderer", limit=_WAITING_LIMIT)
        self._compiled: OrderedDict[Source, _Pair] = OrderedDict()

    async def variables(self, source: Source) -> list[str]:
        """The names that subject and body use. Raises ApiError VALIDATION_FAILED when either is faulty."""
        pair = await self._lane.run(partial(self._pair, source))
        return sorted({*pair.body.variables, *(pair.subject.variables if pair.subject else ())})

    async def render(self, source: Source, channel: Channel | None, data: dict[str, Any]) -> Rendered:
        """For `channel`, or else the template's. Raises ApiError VALIDATION_FAILED naming what is missing."""
        check_data(data)
        return await self._lane.run(partial(self._render, source, channel or source.channel, data))

    def _render(self, source: Source, channel: Channel, data: dict[str, Any]) -> Rendered:
        pair = self._pair(source)
        subject = None
        if pair.subject is not None and channel is not Channel.SMS:
            # One line, whatever is in the data.
            subject = " ".join(_fill(pair.subject, data, SUBJECT_LIMIT).split())
        return Rendered(channel, subject, _fill(pair.body, data, BODY_LIMITS[channel]))

    def _pair(self, source: Source) -> _Pair:
        pair = self._compiled.get(source)
        if pair is None:
            subject = None if source.subject is None else self._compile(source.subject, "subject")
            pair = self._compiled[source] = _Pair(subject, self._compile(source.body, "body"))
            if len(self._compiled) > _KEPT:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(source)
        return pair

    def _compile(self, source: str, field: str) -> Compiled:
        try:
            return self._language.compile(source)
        except TemplateFaultError as error:
            raise invalid(field, f"is not a template: {error}") from error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._lane.close()


def _fill(compiled: Compiled, data: dict[str, Any], limit: int) -> str:
    try:
        return compiled.render(data, limit)
    except MissingVariableError as error:
        raise invalid(f"data.{error.name}", "is needed by the template") from error
    except TemplateFaultError as error:
        raise ApiError("VALIDATION_FAILED", f"The template cannot be rendered: {error}") from error
