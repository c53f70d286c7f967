"""Publishes what a person wrote: a new event, one like another, or a dead letter that was mended."""

from collections.abc import Awaitable, Callable
from typing import Final

from PySide6.QtCore import QObject

from app.core.language import tr
from app.core.messages import UserFacingError, to_message
from app.core.session import Port
from app.panels.events.dead_groups import queue_word
from app.panels.events.event_rows import EventRow, data_of
from app.panels.events.events_panel import EventsPanel
from app.panels.events.history import History
from app.panels.events.publish_dialog import Offer, PublishDialog
from app.panels.events.publish_form import edited, pretty
from app.qt.tasks import spawn
from app.widgets.copyable_id import shortened
from embedded_services.client.errors import ControlError
from embedded_services.contracts.events import NewEvent, Published
from embedded_services.contracts.queues import DeadLetter, ReplayOptions

KNOWN: Final = (
    "email.send",
    "inventory.updated",
    "notification.send",
    "order.cancelled",
    "order.created",
    "order.updated",
    "payment.completed",
    "payment.failed",
    "payment.refunded",
    "user.created",
)
"""The types that the system's services publish or react to."""


class Publishing(QObject):
    def __init__(
        self, panel: EventsPanel, history: History, port: Port, types: Callable[[], set[str]], parent: QObject
    ) -> None:
        """`types` are those that were seen."""
        super().__init__(parent)
        self._panel, self._history, self._port, self._types = panel, history, port, types
        panel.publish_requested.connect(self._on_publish)
        panel.event_asked.connect(self._on_event)

    # --- what the user asks ---------------------------------------------------------------------------------------

    def _on_publish(self) -> None:
        text = tr("It goes to the exchange events, by its type, and to every queue that wants this type.")
        offer = Offer(tr("Publish an event"), text, tr("Publish"))
        self._open(offer, self._port_publish)

    def _on_event(self, row: EventRow, key: str) -> None:
        call = {"again": self._again, "edit": self._edit, "copy": self._copy}[key]
        _ = spawn(self, call(row), f"{key} event {row.seq}", on_error=self._panel.show_failure)

    async def _again(self, row: EventRow) -> None:
        data = _data(await self._history.body_of(row))
        published = await self._port_publish(
            NewEvent(type=row.type, data=data, source=row.source or "person")
        )
        self._say(published)

    async def _edit(self, row: EventRow) -> None:
        data = _data(await self._history.body_of(row))
        text = tr("A new event with a new message id. The one that it was made from stays as it is.")
        offer = Offer(tr("Edit and publish"), text, tr("Publish"), row.type, row.source, pretty(data))
        self._open(offer, self._port_publish)

    async def _copy(self, row: EventRow) -> None:
        self._panel.copy(await self._history.body_of(row))

    async def edit_letter(self, letter: DeadLetter) -> None:
        """Let the user mend it and send it again."""
        whole = await self._port.control().dead_letter(letter.id)
        data = _data(whole.body)
        queue = queue_word(letter.queue)
        text = tr(
            "It goes to {queue} alone, with what you change; its id and trace are kept, and it lies here no more. "
            "With another type it is a new event, for all who want that type.",
            queue=queue,
        )
        offer = Offer(
            tr("Edit and resend"),
            text,
            tr("Send again"),
            letter.type,
            letter.source or "person",
            pretty(data),
        )

        async def resend(event: NewEvent) -> Published:
            is_same = event.type == letter.type
            options = ReplayOptions(
                body=edited(whole.body, event), keep_id=is_same, to="queue" if is_same else "exchange"
            )
            return await self._port.control().replay_dead_letter(letter.id, options)

        self._open(offer, resend)

    # --- the dialog -----------------------------------------------------------------------------------------------

    def _open(self, offer: Offer, send: Callable[[NewEvent], Awaitable[Published]]) -> None:
        dialog = self._panel.open_publish(offer, sorted(self._types() | set(KNOWN)))

        async def submit(event: NewEvent) -> None:
            published = await send(event)
            dialog.accept()
            self._say(published)

        dialog.submitted.connect(
            lambda event: spawn(
                dialog, submit(event), f"publish {event.type}", on_error=lambda error: _refuse(dialog, error)
            )
        )

    async def _port_publish(self, event: NewEvent) -> Published:
        return await self._port.control().publish_event(event)

    def _say(self, published: Published) -> None:
        identity = shortened(published.message_id, 16)
        if published.routed is not False:  # a broker of yours does not tell
            self._panel.toast_requested.emit(tr("The broker has it: {id}.", id=identity))
        else:
            self._panel.toast_requested.emit(
                tr("The broker has it: {id}. No queue wants this type.", id=identity)
            )


def _refuse(dialog: PublishDialog, error: Exception) -> None:
    fields = {}
    if isinstance(error, ControlError):
        fields = {detail.field.partition(".")[0]: detail.message for detail in error.details}
    dialog.show_failure(to_message(error), fields)


def _data(body: str) -> dict[str, object]:
    """Raises UserFacingError."""
    data = data_of(body)
    if data is None:
        raise UserFacingError(
            tr("It cannot be published from here."),
            tr("It is no event, or too large for all of it to be kept."),
        )
    return data
