"""The Logs panel on a feed that skips, on a control plane that refuses, and on a real system."""

import os
import signal
import time
from functools import partial

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.panels.logs.log_book import Account, LogFilter
from app.panels.logs.logs_presenter import PAGE
from app.widgets.filter_field import FilterField
from embedded_services.client.errors import ControlError
from embedded_services.contracts.system import Ready
from tests.gui.panels.logs.conftest import Built, FakePort, build
from tests.helpers.live import live_port
from tests.helpers.qt import eventually, texts


async def test_what_the_stream_skipped_is_fetched(built: Built, port: FakePort) -> None:
    port.connect()
    port.write(2000, sent=500)
    await eventually(lambda: built.model.account() == Account(2000, 2000))
    assert [row.seq for row in built.model.rows()] == list(range(1, 2001))
    assert port.archive.asked == [("1501", PAGE), ("1001", PAGE), ("501", PAGE)]


async def test_what_the_control_plane_holds_no_more_counts_as_skipped(built: Built, port: FakePort) -> None:
    port.archive.first = 21
    port.connect()
    port.write(100, sent=10)
    await eventually(lambda: built.model.account() == Account(100, 80, skipped=20))
    assert "20 skipped" in texts(built.panel)


async def test_nothing_is_fetched_while_nobody_looks(built: Built, port: FakePort) -> None:
    built.panel.hide()
    port.connect()
    port.write(100, sent=10)
    port.write(6000, sent=500)
    assert port.archive.asked == []
    built.panel.show()
    await eventually(lambda: built.model.account() == Account(6100, 6100))


async def test_new_control_plane_starts_the_log_anew(built: Built, port: FakePort) -> None:
    port.connect()
    port.write(10)
    await eventually(lambda: built.model.account().held == 10)
    port.feed.forget()
    port.archive.total = 0
    port.connect()
    port.write(3)
    await eventually(lambda: built.model.account() == Account(3, 3))


async def test_refusal_is_told_and_tried_again(built: Built, port: FakePort, qtbot: QtBot) -> None:
    port.archive.refuse = ControlError("INTERNAL_ERROR", "the log cannot be read", 500)
    port.connect()
    port.write(20, sent=5)
    await eventually(lambda: "The log cannot be read." in texts(built.panel))
    assert built.model.account() == Account(20, 5, awaited=15)
    assert len(port.archive.asked) == 1
    port.archive.refuse = None
    port.connect(is_live=False)
    assert built.panel.view.is_stale
    port.connect()
    await eventually(lambda: built.model.account() == Account(20, 20))
    assert not built.panel.view.is_stale


async def test_start_and_end_of_real_processes_show_up(ready: Ready, qtbot: QtBot) -> None:
    async with live_port(ready) as live:
        built = build(live, qtbot)
        field = built.panel.findChild(FilterField, "filter")
        assert field is not None
        await eventually(lambda: "control" in built.model.processes and len(built.model.processes) >= 10)
        assert built.model.account().skipped == 0
        before, killed = time.time(), await live.control().act_on_instance("payment-2", "kill")
        qtbot.keyClicks(field, "payment-2 serving")
        qtbot.keyClick(field, Qt.Key.Key_Return)
        await eventually(lambda: built.model.rows() and built.model.rows()[-1].at > before)
        told = [row.message for row in built.model.rows()]
        assert any(f"pid {killed.pid}" in message for message in told[:-1])
        assert f"pid {killed.pid}" not in told[-1]
        await built.end()


async def test_unexpected_end_is_a_warning_that_says_why(ready: Ready, qtbot: QtBot) -> None:
    async with live_port(ready) as live:
        built = build(live, qtbot)
        await eventually(lambda: built.model.account().held > 0)
        victim = next(row for row in (await live.control().instances()).items if row.id == "order-2")
        assert victim.pid is not None
        os.kill(victim.pid, signal.SIGKILL)
        built.panel.filter_to("control")
        await eventually(lambda: any(f"pid {victim.pid}" in row.message for row in built.model.rows()))
        warning = next(row for row in built.model.rows() if f"pid {victim.pid}" in row.message)
        assert warning.level == "WARNING"
        assert "order-2" in warning.message
        await built.end()


async def test_twenty_thousand_entries_are_held_while_more_pour_in_and_the_filter_changes(
    port: FakePort, qtbot: QtBot
) -> None:
    built = build(port, qtbot)
    port.connect()
    port.write(20_000, sent=500)
    await eventually(lambda: built.model.account() == Account(20_000, 20_000))
    for number in range(10):
        wanted = LogFilter(text=f"entry {number}")
        for call in (
            partial(port.write, 100),
            partial(built.model.set_filter, wanted),
            partial(built.model.set_filter, LogFilter()),
        ):
            call()
        await eventually(lambda: built.model.account().held == 20_000)
    assert built.panel.view.is_following
