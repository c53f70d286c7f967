"""The Events panel on a stream that skips, a history that is asked in pages, and a control plane that refuses."""

import asyncio

import msgspec
from pytestqt.qtbot import QtBot

from app.panels.events.event_filter import EventFilter
from app.panels.events.event_rows import EventRow
from app.widgets.state_view import StateView
from embedded_services.client.errors import ControlError
from embedded_services.contracts.events import Seen
from tests.gui.panels.events import shop
from tests.gui.panels.events.conftest import Built, FakePort, build
from tests.helpers.qt import eventually, texts


def sight_is_here(built: Built) -> bool:
    top, end = built.panel.list.sight(0)
    rows = range(top, min(end, built.model.rowCount()))
    return bool(rows) and all(isinstance(built.model.row(at), EventRow) for at in rows)


async def test_history_is_scrolled_through_in_pages(built: Built, port: FakePort) -> None:
    port.fake.last = 1_000_000
    port.connect()
    port.pass_by(10)
    await eventually(lambda: built.model.rowCount() == 1_000_010)
    bar = built.panel.list.view.verticalScrollBar()
    for place in (bar.maximum() // 2, bar.maximum(), 0):
        bar.setValue(place)
        await eventually(lambda: sight_is_here(built))
    assert len(port.fake.asked) < 12
    assert max(query.limit for query in port.fake.asked) <= 100
    assert built.panel.list.bar.count.startswith("shown 1,000,010 of 1,000,010")


async def test_what_the_stream_skipped_is_fetched_when_it_is_in_sight(built: Built, port: FakePort) -> None:
    port.connect()
    port.pass_by(5)
    port.pass_by(300, sent=4)
    await eventually(lambda: built.model.rowCount() == 305)
    await eventually(lambda: sight_is_here(built))


async def test_search_is_answered_by_the_history_and_goes_on(built: Built, port: FakePort) -> None:
    port.fake.last = 3_000
    port.connect()
    port.pass_by(1)
    built.panel.filter_to(EventFilter(type="user.*"))
    await eventually(lambda: built.panel.list.bar.count == "shown 300 of 3,001")
    assert built.model.rowCount() == 100
    bar = built.panel.list.view.verticalScrollBar()
    await eventually(lambda: bar.maximum() > 0)
    built.panel.list.view.set_following(False)
    bar.setValue(bar.maximum())
    await eventually(lambda: built.model.rowCount() == 200)
    built.panel.list.view.set_following(True)
    port.pass_by(9)
    await eventually(lambda: built.panel.list.bar.count == "shown 301 of 3,010")
    assert built.model.found[0].seq == 3_010


async def test_only_the_newest_search_counts(built: Built, port: FakePort) -> None:
    port.connect()
    port.pass_by(30)
    await eventually(lambda: built.model.rowCount() == 30)
    port.fake.hold = asyncio.Event()
    built.panel.filter_to(EventFilter(text="ord_1"))
    none = built.panel.findChild(StateView, "noEvents")
    assert none is not None
    await eventually(lambda: none.isVisible() and none.title == "Searching the history")
    built.panel.filter_to(EventFilter(text="ord_22"))
    port.fake.hold.set()
    port.fake.hold = None
    await eventually(lambda: [row.seq for row in built.model.found] == [22])
    assert built.panel.list.bar.count == "shown 1 of 30"


async def test_nothing_is_asked_while_nobody_looks(built: Built, port: FakePort) -> None:
    built.panel.hide()
    port.connect()
    port.pass_by(100)
    await asyncio.sleep(0.1)
    assert port.fake.asked == []
    built.panel.show()
    await eventually(lambda: built.model.rowCount() == 100)


async def test_refusal_is_told_and_the_list_goes_on(built: Built, port: FakePort) -> None:
    port.fake.refuse = ControlError("SERVICE_UNAVAILABLE", "the history of events cannot be used", 503)
    port.connect()
    port.pass_by(10)
    await eventually(lambda: "The history of events cannot be used." in texts(built.panel))
    await eventually(lambda: built.model.rowCount() == 10)
    port.pass_by(5)
    await eventually(lambda: built.model.rowCount() == 15)


async def test_new_control_plane_starts_the_list_anew(built: Built, port: FakePort) -> None:
    port.connect()
    port.pass_by(10)
    await eventually(lambda: built.model.rowCount() == 10)
    port.feed.forget()
    await eventually(lambda: built.panel.shown == "state")
    port.fake.last = 0
    port.connect()
    port.pass_by(3)
    await eventually(lambda: built.model.rowCount() == 3)


async def test_lost_contact_mutes_the_list(built: Built, port: FakePort) -> None:
    port.connect()
    port.pass_by(10)
    await eventually(lambda: built.model.rowCount() == 10)
    port.connect(is_live=False)
    assert built.panel.list.view.is_stale
    port.connect()
    assert not built.panel.list.view.is_stale


async def test_large_body_is_fetched_when_it_is_looked_at(qtbot: QtBot) -> None:
    def make(seq: int) -> Seen:
        seen = shop.shop_event(seq)
        body = seen.body[:-1] + f',"note":"{"x" * 5000}"}}'
        return msgspec.structs.replace(seen, body=body, size=len(body.encode()))

    port = FakePort(make)
    built = build(port, qtbot)
    port.connect()
    port.pass_by(10)
    await eventually(lambda: built.model.rowCount() == 10)
    built.panel.list.select(5)
    await eventually(lambda: "xxxx" in built.panel.event_page.payload.body)


async def test_language_change_keeps_filter_and_page(built: Built, port: FakePort, qtbot: QtBot) -> None:
    port.connect()
    port.pass_by(30)
    built.panel.filter_to(EventFilter(type="order.*", text="ord_2"))
    built.panel.queues.show_page("outboxes")
    again = build(port, qtbot)
    again.panel.recall(built.panel.memory())
    await eventually(lambda: again.panel.list.bar.count == "shown 10 of 30")
    assert again.panel.queues.pages.choice == "outboxes"


async def test_a_thousand_events_a_second_are_all_there_behind_a_long_history(qtbot: QtBot) -> None:
    port = FakePort(shop.shop_event)
    built = build(port, qtbot)
    port.fake.last = 100_000
    port.connect()
    port.pass_by(50)
    await eventually(lambda: built.model.rowCount() == 100_050)
    for _ in range(30):
        port.pass_by(100)
        told = [shop.handled(port.fake.make(port.fake.last - at)) for at in range(100)]
        port.handle(*(one for one in told if one is not None))
        built.presenter.refresh()
        await asyncio.sleep(0)  # it is painted in between
    assert built.model.rowCount() == 103_050
