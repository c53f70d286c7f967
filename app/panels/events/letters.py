"""Keeps the dead letters true to the stream, and carries out what is decided about them: replays, discards, edits."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

import msgspec
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QDialog

from app.core import figures
from app.core.feed import BUS, DEAD_LETTERS, REPLAYS
from app.core.language import tr
from app.core.messages import to_message
from app.core.session import Port
from app.panels.events.dead_groups import (
    DeadGroup,
    Key,
    Progress,
    count_words,
    dead_groups,
    progress_of,
    queue_word,
)
from app.panels.events.events_panel import EventsPanel
from app.panels.events.publishing import Publishing
from app.panels.events.replay_dialog import ReplayDialog, ReplayOffer
from app.qt.dialogs import confirm, shown
from app.qt.tasks import Latest, spawn
from app.qt.throttle import Throttle
from embedded_services.client.errors import ControlError
from embedded_services.common.clock import Clock
from embedded_services.contracts.queues import DeadLetter, Replay, ReplayGroup, ReplayOptions, ReplayRequest

SHOW_MS: Final = 200
ALL: Final[Key] = ("", "", "")
AT_ONCE: Final = 8


class Letters(QObject):
    def __init__(
        self, panel: EventsPanel, publishing: Publishing, port: Port, clock: Clock, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._panel, self._publishing, self._port, self._clock = panel, publishing, port, clock
        self._asked: dict[str, Key] = {}
        self._told: set[str] = set()
        self._discarding: tuple[Key, Progress] | None = None
        self._discard = Latest(self)
        self._fetching = Latest(self)
        self._shown = Throttle(panel, self._show, SHOW_MS)
        self._shown.setParent(self)  # it must not outlive what it calls
        leave = [
            port.feed.listen(self._shown.poke, DEAD_LETTERS, REPLAYS, BUS),
            port.feed.listen_link(self._shown.poke),
        ]
        self.destroyed.connect(lambda: [end() for end in leave])
        panel.dead.asked.connect(self._on_group)
        panel.dead.all_asked.connect(self._on_all)
        panel.letter_asked.connect(self._on_letter)
        panel.letter_opened.connect(self._on_opened)
        panel.event_opened.connect(lambda _: self._shown.poke())
        self._shown.poke()

    # --- what is shown --------------------------------------------------------------------------------------------

    def _show(self) -> None:
        feed = self._port.feed
        letters, replays = feed.rows(DEAD_LETTERS), feed.rows(REPLAYS)
        progress: dict[Key, Progress] = {}
        whole: Progress | None = None
        for replay in replays.values():
            key = self._asked.get(replay.id, ALL)
            one = progress_of(replay, letters, None if key == ALL else key)
            if key == ALL:
                whole = one
            else:
                progress[key] = one
            self._tell_end(one)
        if self._discarding is not None:
            progress[self._discarding[0]] = self._discarding[1]
        bus = next(iter(feed.rows(BUS).values()), None)
        total = bus.dead_letters_total if bus is not None else 0
        self._panel.dead.show_groups(
            dead_groups(letters.values()), progress, whole, total,
            selected=self._panel.selected_letter, can_act=feed.link.is_live,
        )  # fmt: skip
        looked_at = self._panel.letter_page.letter
        if looked_at is not None:
            if (now := letters.get(looked_at.id)) is None:
                self._panel.letter_page.show_gone()
            elif now != looked_at:
                self._panel.letter_page.show_letter(now)

    def _tell_end(self, one: Progress) -> None:
        """Once, of a replay that was begun here."""
        replay = one.replay
        if replay.id in self._asked and not one.is_running and replay.id not in self._told:
            self._told.add(replay.id)
            text = f"{one.words} · {one.outcome}" if one.outcome else one.words
            self._panel.toast_requested.emit(text)

    # --- several --------------------------------------------------------------------------------------------------

    def _on_group(self, group: DeadGroup, key: str) -> None:
        match key:
            case "replay" if len(group.letters) == 1:
                self._on_letter(group.letters[0], "replay")
            case "replay":
                self._run(self._replay(group.wire, group.key, len(group.letters), group), "replay")
            case "edit":
                self._run(self._publishing.edit_letter(group.letters[0]), "edit")
            case "discard":
                self._discard.spawn(self._discard_group(group), "discard", on_error=self._refuse)
            case _:
                self._stop(group.key)

    def _on_all(self, key: str) -> None:
        if key == "stop":
            self._stop(ALL)
        else:
            count = len(self._port.feed.rows(DEAD_LETTERS))
            self._run(self._replay(ReplayGroup(), ALL, count, None), "replay all")

    async def _replay(self, wire: ReplayGroup, key: Key, count: int, group: DeadGroup | None) -> None:
        first = group.letters[0] if group is not None else None
        title = tr("Replay {what}?", what=count_words(count))
        options = await self._ask(title, tr("Replay {n}", n=figures.count(count)), first)
        if options is not None:
            request = ReplayRequest(group=wire, keep_id=options.keep_id, to=options.to)
            replay = await self._port.control().replay_dead_letters(request)
            self._asked[replay.id] = key
            self._shown.poke()

    async def _ask(self, title: str, accept: str, first: DeadLetter | None) -> ReplayOptions | None:
        """How they are sent again, None for not at all. `first` is one of those that all went the same way."""
        if first is None:
            offer = ReplayOffer(title, accept)
        else:
            offer = ReplayOffer(
                title, accept, queue_word(first.queue), first.first_exchange, first.first_key, bool(first.first_exchange)
            )  # fmt: skip
        dialog = ReplayDialog(offer, self._panel)
        return dialog.options if await shown(dialog) == QDialog.DialogCode.Accepted else None

    def _stop(self, key: Key) -> None:
        if self._discarding is not None and self._discarding[0] == key:
            self._discard.cancel()
            return
        for replay in self._port.feed.rows(REPLAYS).values():
            if replay.state == "running" and self._asked.get(replay.id, ALL) == key:
                self._run(self._stop_one(replay.id), "stop replay")

    async def _stop_one(self, replay: str) -> None:
        await self._port.control().stop_replay(replay)

    async def _discard_group(self, group: DeadGroup) -> None:
        count = len(group.letters)
        title = tr("Discard {what}?", what=count_words(count))
        text = tr(
            "They are removed from {queue} for good: nobody will handle them any more.", queue=group.queue
        )
        if not await confirm(self._panel, title, text, tr("Discard")):
            return
        replay = Replay(id="", at=self._clock.now(), total=count, done=0, failed=0, state="running")
        self._show_discard(group.key, Progress(replay, is_discard=True))
        try:
            for at in range(0, count, AT_ONCE):
                part = group.letters[at : at + AT_ONCE]
                await asyncio.gather(*(self._discard_one(letter) for letter in part))
                replay = msgspec.structs.replace(replay, done=replay.done + len(part))
                self._show_discard(group.key, Progress(replay, is_discard=True))
        finally:
            self._show_discard(group.key, None)
        self._panel.toast_requested.emit(tr("{what} discarded.", what=count_words(count)))

    def _show_discard(self, key: Key, progress: Progress | None) -> None:
        self._discarding = None if progress is None else (key, progress)
        self._shown.poke()

    async def _discard_one(self, letter: DeadLetter) -> None:
        """One that is gone already is as good."""
        try:
            await self._port.control().discard_dead_letter(letter.id)
        except ControlError as error:
            if error.status != 404:
                raise

    # --- one ------------------------------------------------------------------------------------------------------

    def _on_letter(self, letter: DeadLetter, key: str) -> None:
        call = {
            "replay": self._replay_one, "edit": self._publishing.edit_letter, "discard": self._ask_discard,
            "copy": self._copy,
        }[key]  # fmt: skip
        self._run(call(letter), f"{key} {letter.id}")

    async def _replay_one(self, letter: DeadLetter) -> None:
        options = await self._ask(tr("Replay this message?"), tr("Replay"), letter)
        if options is None:
            return
        self._panel.letter_page.set_busy(True)
        try:
            await self._port.control().replay_dead_letter(letter.id, options)
        finally:
            self._panel.letter_page.set_busy(False)
        is_all = options.to == "exchange" and letter.first_exchange
        where = letter.first_key if is_all else queue_word(letter.queue)
        self._panel.toast_requested.emit(tr("Sent again to {where}.", where=where))

    async def _ask_discard(self, letter: DeadLetter) -> None:
        text = tr("It is removed from {queue} for good: nobody will handle it any more.", queue=letter.queue)
        if await confirm(self._panel, tr("Discard this message?"), text, tr("Discard")):
            await self._discard_one(letter)

    async def _copy(self, letter: DeadLetter) -> None:
        self._panel.copy((await self._port.control().dead_letter(letter.id)).body)

    def _on_opened(self, letter: DeadLetter) -> None:
        """The stream has the beginning of a large body only."""
        self._shown.poke()
        if len(letter.body.encode()) < letter.size:
            self._fetching.spawn(self._fetch(letter), "dead letter", on_error=self._refuse)

    async def _fetch(self, letter: DeadLetter) -> None:
        whole = await self._port.control().dead_letter(letter.id)
        if self._panel.selected_letter == letter.id:
            self._panel.letter_page.show_body(whole.body)

    # --- running --------------------------------------------------------------------------------------------------

    def _run(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        _ = spawn(self, coroutine, name, on_error=self._refuse)

    def _refuse(self, error: Exception) -> None:
        self._panel.dead.show_failure(to_message(error))
