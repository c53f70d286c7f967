"""The panel on a feed and a control plane that a test plays: what is asked for is sent, and what comes of it is shown."""

from functools import partial

import msgspec

from app.panels.gateway.request_book import CAPACITY
from embedded_services.client.errors import ControlError
from embedded_services.contracts.settings import Strategy
from tests.gui.panels.gateway.conftest import Built
from tests.gui.panels.gateway.shop import (
    NOW,
    FakeControl,
    FakePort,
    pick,
    record,
    retried,
    target,
    totals,
    trace_of,
    upstream,
    upstreams,
)  # fmt: skip
from tests.helpers.qt import eventually, texts


def ask(built: Built, service: str, strategy: Strategy) -> None:
    row = built.panel.balancing.block(service).strategy
    row.toggle.set_choice(strategy)
    row.toggle.choice_requested.emit(str(strategy))


def says(built: Built, text: str) -> bool:
    return any(text in shown for shown in texts(built.panel))


async def test_head_tells_the_gateway_in_figures(built: Built) -> None:
    await eventually(
        lambda: says(built, "127.0.0.1:3000 · 119.6 /s · p50 6.2 ms · p99 26.0 ms · 0.5 % errors")
    )
    assert says(built, "39,228 since ")
    assert says(built, "· following")
    assert built.panel.balancing.breakers.summary == "1 open, 7 closed"


async def test_strategy_is_switched_live(built: Built, port: FakePort, control: FakeControl) -> None:
    block = built.panel.balancing.block("user")
    ask(built, "user", Strategy.RANDOM)
    assert block.strategy.toggle.is_busy
    assert block.caption.text() == "switching to random…"
    await eventually(lambda: control.asked == [("strategy", "user", Strategy.RANDOM)])
    assert block.strategy.toggle.is_busy
    port.tell("upstreams", user=msgspec.structs.replace(upstreams()[0], strategy=Strategy.RANDOM))
    await eventually(lambda: not block.strategy.toggle.is_busy)
    assert block.strategy.toggle.choice == Strategy.RANDOM
    assert block.caption.text() == "even to ± 0.4 points"


async def test_refused_strategy_goes_back(built: Built, control: FakeControl) -> None:
    block = built.panel.balancing.block("order")
    control.refusal = ControlError("VALIDATION_FAILED", "services.order.strategy: not available", 400)
    ask(built, "order", Strategy.CONSISTENT_HASH)
    assert block.strategy.toggle.choice == Strategy.CONSISTENT_HASH
    await eventually(lambda: block.strategy.toggle.choice == Strategy.ROUND_ROBIN)
    assert "Services.order.strategy: not available." in texts(block)
    ask(built, "order", Strategy.RANDOM)
    assert "Services.order.strategy: not available." not in texts(block)


async def test_without_a_system_it_says_so(built: Built, port: FakePort) -> None:
    port.client = None
    ask(built, "user", Strategy.RANDOM)
    await eventually(lambda: "The system is not running." in texts(built.panel.balancing.block("user")))


async def test_last_of_several_wishes_counts(built: Built, control: FakeControl) -> None:
    for strategy in (Strategy.RANDOM, Strategy.ROUND_ROBIN, Strategy.POWER_OF_TWO):
        ask(built, "user", strategy)
    await eventually(lambda: ("strategy", "user", Strategy.POWER_OF_TWO) in control.asked)
    assert built.panel.balancing.block("user").strategy.toggle.choice == Strategy.POWER_OF_TWO


async def test_clicks_on_weights_are_sent_together(
    built: Built, port: FakePort, control: FakeControl
) -> None:
    weighted = upstream(
        "order", [target("order-1"), target("order-2")], strategy=Strategy.WEIGHTED_ROUND_ROBIN
    )
    port.tell("upstreams", order=weighted)
    page, block = built.panel.balancing, built.panel.balancing.block("order")
    for weight in (2, 3):
        page.weight_requested.emit("order", "order-1", weight)
    page.weight_requested.emit("order", "order-2", 2)
    assert [row.weight for row in block.bars.rows] == [3, 2]
    await eventually(lambda: bool(control.asked))
    wanted = {"services": {"order": {"weights": {"order-1": 3, "order-2": 2}}}}
    assert control.asked == [("settings", wanted, None)]
    port.tell("upstreams", order=weighted)
    assert [row.weight for row in block.bars.rows] == [3, 2]
    done = [target("order-1", weight=3), target("order-2", weight=2)]
    port.tell("upstreams", order=upstream("order", done, strategy=Strategy.WEIGHTED_ROUND_ROBIN))
    await eventually(lambda: built.presenter.commands._asked["weights"] == {})


async def test_hash_key_is_sent(built: Built, control: FakeControl) -> None:
    built.panel.balancing.hash_key_requested.emit("order", "header:X-Session")
    await eventually(lambda: bool(control.asked))
    assert control.asked == [("settings", {"services": {"order": {"hashKey": "header:X-Session"}}}, None)]


async def test_log_follows_stands_still_and_goes_on_counting(built: Built, port: FakePort) -> None:
    port.happen("requests", [record(seq) for seq in range(1, 11)])
    await eventually(lambda: built.models.requests.rowCount() == 10)
    built.panel.log.toggle_following()
    port.happen("requests", [record(seq) for seq in range(11, 31)])
    port.tell("gateway", gateway=totals(requests=39_248))
    await eventually(lambda: says(built, "39,248 since "))
    assert says(built, "· paused")
    assert built.models.requests.rowCount() == 10
    built.panel.log.toggle_following()
    await eventually(lambda: built.models.requests.rowCount() == 30)
    assert built.models.requests.rows()[0].record.id.endswith("30")


async def test_requests_that_were_not_recorded_are_counted(built: Built, port: FakePort) -> None:
    port.happen("requests", [record(1)])
    await eventually(lambda: built.models.requests.rowCount() == 1)
    port.happen("requests", [record(seq) for seq in range(2, 82)], skipped=920)
    await eventually(lambda: says(built, "8 % of them recorded"))


async def test_other_control_plane_starts_the_log_anew(built: Built, port: FakePort) -> None:
    port.happen("requests", [record(1), record(2)])
    port.happen("picks", [pick("order-1")])
    await eventually(lambda: built.models.requests.rowCount() == 2 and built.models.picks.rowCount() == 1)
    port.feed.forget()
    port.open()
    await eventually(lambda: built.models.requests.rowCount() == 0 and built.models.picks.rowCount() == 0)


async def test_trace_of_a_sampled_request_is_fetched(
    built: Built, port: FakePort, control: FakeControl
) -> None:
    row = retried(2)
    control.traces[row.trace] = trace_of(row)
    port.happen("requests", [row])
    await eventually(lambda: built.models.requests.rowCount() == 1)
    built.panel.open_at(row.id)
    page = built.panel.request_page
    assert len(page.bars.bars) == 4
    assert page.trace_note == "Fetching its spans…"
    await eventually(lambda: len(page.bars.bars) == 8)
    assert page.trace_note == ""


async def test_request_that_was_not_sampled_says_so(
    built: Built, port: FakePort, control: FakeControl
) -> None:
    row = retried(2, sampled=False)
    port.happen("requests", [row])
    await eventually(lambda: built.models.requests.rowCount() == 1)
    built.panel.open_at(row.id)
    assert built.panel.request_page.trace_note.startswith("This request was not sampled")
    assert len(built.panel.request_page.bars.bars) == 4
    assert control.asked == []


async def test_trace_that_is_gone_or_cannot_be_had_leaves_the_tries(
    built: Built, port: FakePort, control: FakeControl
) -> None:
    port.happen("requests", [retried(2), retried(3)])
    await eventually(lambda: built.models.requests.rowCount() == 2)
    page = built.panel.request_page
    control.refusal = ControlError("INTERNAL_ERROR", "out of order", 500)
    built.panel.open_at(retried(3).id)
    await eventually(lambda: page.trace_note == "Its spans could not be fetched: Out of order.")
    built.panel.open_at(retried(2).id)
    await eventually(lambda: page.trace_note == "Its spans are no longer kept.")
    assert len(page.bars.bars) == 4


async def test_picks_stand_still_while_one_is_selected(built: Built, port: FakePort) -> None:
    port.happen("picks", [pick("order-1", NOW)])
    await eventually(lambda: built.models.picks.rowCount() == 1)
    picks = built.panel.balancing.picks
    picks.view.select_index(built.models.picks.index(0, 0))
    port.happen("picks", [pick("order-2", NOW + 1)], skipped=3)
    built.presenter._show_picks()
    assert built.models.picks.rowCount() == 1
    picks.let_go()
    await eventually(lambda: built.models.picks.rowCount() == 2)
    assert says(built, "kept 1 of 4")


async def test_selected_pick_opens_its_request(built: Built, port: FakePort) -> None:
    port.happen("requests", [record(1, id="req-1")])
    port.happen("picks", [pick("order-1", NOW)])
    await eventually(lambda: built.models.picks.rowCount() == 1 and built.models.requests.rowCount() == 1)
    built.panel.balancing.picks.view.select_index(built.models.picks.index(0, 0))
    assert built.panel.request_page.subject == "GET /api/orders"


async def test_nothing_is_shown_while_nobody_looks(built: Built, port: FakePort) -> None:
    await eventually(lambda: says(built, "119.6 /s"))
    built.panel.hide()
    port.tell("gateway", gateway=totals(rate=5.0))
    port.happen("requests", [record(1)])
    assert built.models.requests.rowCount() == 0
    built.panel.show()
    await eventually(lambda: built.models.requests.rowCount() == 1 and says(built, "· 5.0 /s ·"))


async def test_saturated_gateway_keeps_selection_and_place(built: Built, port: FakePort) -> None:
    """10,000 records are held; what is selected and where the eye is stays, while more pour in."""
    for first in range(0, CAPACITY, 2000):
        port.happen("requests", [record(first + n) for n in range(2000)])
        await eventually(partial(_holds, built, first + 2000))
    view = built.panel.log.view
    view.select_index(built.models.requests.index(5000, 0))
    selected, place = view.selected_row(), view.verticalScrollBar().value()
    port.happen("requests", [record(n) for n in range(80)], skipped=1900)
    built.presenter.requests._show()
    assert view.selected_row() is selected
    assert view.verticalScrollBar().value() == place


async def test_a_saturated_gateway_is_followed_within_bounds(built: Built, port: FakePort) -> None:
    """800 records a second, taken into the 10,000 that are held."""
    for first in range(0, CAPACITY, 2000):
        port.happen("requests", [record(first + n) for n in range(2000)])
        await eventually(partial(_holds, built, first + 2000))
    for number in range(20):
        port.happen("requests", [record(number * 80 + n) for n in range(80)], skipped=1900)
        built.presenter.requests._show()
        built.panel.log.view.viewport().repaint()
    assert built.panel.log.view.is_following
    assert len(built.models.requests.book.rows) == CAPACITY


def _holds(built: Built, count: int) -> bool:
    return len(built.models.requests.book.rows) == count
