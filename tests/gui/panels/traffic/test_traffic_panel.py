import asyncio
import subprocess
import sys

import msgspec
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit
from pytestqt.qtbot import QtBot

from app.panels.traffic.kinds_model import ALL
from app.panels.traffic.mix_bar import MixBar, percents
from app.panels.traffic.plan_dialog import PlanDialog
from app.panels.traffic.status_strip import parts_of
from app.panels.traffic.traffic_panel import TrafficPanel, notes_of
from embedded_services.client.errors import ControlError
from embedded_services.contracts.traffic import (
    CustomRequest,
    KindTotals,
    Mix,
    Phase,
    Step,
    Traffic,
    TrafficPlan,
    TrafficTotals,
)
from tests.gui.panels.traffic.conftest import NOW, FakePort, Hands, quarter, running
from tests.helpers.qt import eventually

TOTALS = TrafficTotals(
    due=1000, sent=990, done=980, failed=20, p50_ms=6.0, p99_ms=60.0, max_ms=99.0, statuses={"200": 960, "503": 10},
    errors={"timeout": 10, "not-sent": 10}, kinds=[KindTotals(name="browse", share=60.0, sent=990, done=980, failed=10)],
)  # fmt: skip


async def drawn(panel: TrafficPanel) -> None:
    await eventually(lambda: panel.charts.is_built)


async def test_start_asks_for_what_is_shown(hands: Hands, port: FakePort) -> None:
    port.tell(Traffic())
    hands.write("rate", "50")
    assert hands.panel.bar.clients.value == 45, "as many as 50 a second need under 100 in 60 s"
    hands.click("trafficSwitch")
    assert port.client is not None
    await eventually(lambda: port.client is not None and bool(port.client.wishes))
    (wish,) = port.client.wishes
    assert (wish.rate, wish.clients, wish.mix) == (50.0, None, Mix())


async def test_rate_changes_the_traffic_that_runs_at_once(hands: Hands, port: FakePort) -> None:
    port.tell(running())
    hands.write("rate", "200")
    assert port.client is not None
    await eventually(lambda: port.client is not None and bool(port.client.wishes))
    (wish,) = port.client.wishes
    assert wish.rate == 200.0
    assert wish.mix is msgspec.UNSET, "nothing else is touched"
    assert hands.panel.bar.rate.value == 200.0, "what was asked for is shown until it is in force"


async def test_refused_change_is_said_and_shown_as_it_is(hands: Hands, port: FakePort) -> None:
    port.tell(running())
    assert port.client is not None
    port.client.fails.append(ControlError("SERVICE_UNAVAILABLE", "the traffic process does not answer", 503))
    hands.write("rate", "200")
    await eventually(lambda: hands.panel.notice.isVisible())
    assert hands.panel.bar.rate.value == 120.0


async def test_stop_asks_to_stop(hands: Hands, port: FakePort) -> None:
    port.tell(running())
    await eventually(lambda: hands.panel.bar.switch.text() == "Stop")
    hands.click("trafficSwitch")
    await eventually(lambda: port.client is not None and port.client.stopped == 1)


async def test_achieved_is_shown_against_what_was_asked(hands: Hands, port: FakePort) -> None:
    port.tell(running())
    port.sample(quarter())
    await eventually(lambda: hands.says("achieved") == "119.6")
    assert hands.panel.bar.reached.text == "99.7 %"
    port.sample(quarter(NOW + 0.25, rate=60.0))
    await eventually(lambda: hands.panel.bar.reached.text == "50.0 %")


async def test_plots_are_drawn_by_a_library_that_is_loaded_when_they_are_first_seen(
    hands: Hands, port: FakePort
) -> None:
    port.tell(running())
    port.sample(*(quarter(NOW - 10 + number / 4) for number in range(40)))
    await drawn(hands.panel)
    await eventually(lambda: hands.panel.charts.legend["p99"].value == "26")
    assert hands.panel.charts.plot("latency").isVisible()
    assert len(hands.panel.charts.plot("latency").listDataItems()) == 4


def test_window_starts_without_the_library() -> None:
    code = "import sys, app.panel_set; sys.exit('pyqtgraph' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_library_is_loaded_beside_the_windows_own_thread() -> None:
    code = """
import asyncio, sys, threading
from app.panels.traffic.traffic_presenter import load_libraries
threads = {}
class Watch:
    def find_spec(self, name, path=None, target=None):
        threads.setdefault(name, threading.current_thread())
sys.meta_path.insert(0, Watch())
asyncio.run(load_libraries())
assert {"numpy", "pyqtgraph", "app.panels.traffic.plots"} <= sys.modules.keys()
sys.exit(any(one is threading.main_thread() for name, one in threads.items() if name.startswith("pyqtgraph")))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_ten_minutes_of_samples_add_nothing_to_what_is_drawn(hands: Hands, port: FakePort) -> None:
    """Items, and points: neither grows with time."""
    port.tell(running())
    await drawn(hands.panel)
    hands.panel.charts.choose_span("600")
    for start in range(0, 4800, 400):
        port.sample(*(quarter(NOW + (start + number) / 4) for number in range(400)))
    port.clock.pass_time(1200)
    hands.panel.charts.span_requested.emit()
    await asyncio.sleep(0)
    plot = hands.panel.charts.plot("latency")
    items = len(plot.getPlotItem().items)
    points = max(len(item.getData()[0]) for item in plot.listDataItems())
    assert points <= 2_400
    port.sample(*(quarter(NOW + 1200 + number / 4) for number in range(400)))
    hands.panel.charts.span_requested.emit()
    assert len(plot.getPlotItem().items) == items


async def test_totals_are_shown_by_kind_and_by_status(hands: Hands, port: FakePort) -> None:
    port.tell(running(totals=TOTALS))
    await eventually(lambda: hands.model.rowCount() == 2)
    everything = hands.model.rows()[0]
    assert everything.name == ALL
    assert everything.failed == pytest.approx(100 * 20 / 990), "what was not sent counts"
    assert [(part.word, part.count) for part in hands.panel.statuses.parts] == [
        ("200", 960), ("503", 10), ("timed out", 10), ("not sent", 10),
    ]  # fmt: skip


def test_every_cause_has_words() -> None:
    totals = TrafficTotals(errors={"no-address": 1, "what-is-new": 2})
    assert [part.word for part in parts_of(totals)] == ["no address", "what-is-new"]


def test_notes_say_why_it_stopped_and_what_figures_do_not_say() -> None:
    stopped = running(
        phase=Phase.STOPPED, reason="its process ended: killed by signal 9", notes=["One note."]
    )
    notes = notes_of(stopped)
    assert notes[0] == "Stopped: its process ended: killed by signal 9"
    assert notes[-1] == "One note."
    assert notes_of(Traffic())[0].startswith("Start sends requests")


async def test_lost_contact_takes_no_wishes(hands: Hands, port: FakePort) -> None:
    port.tell(running())
    port.lose()
    assert not hands.panel.bar.switch.isEnabled()
    assert not hands.panel.bar.rate.isEnabled()


# --- the mix ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weights", "shares"),
    [((60, 30, 10), (60, 30, 10)), ((1, 1, 1), (34, 33, 33)), ((1, 0, 999), (1, 0, 99))],
)
def test_weights_are_shown_as_whole_percents(weights: tuple[int, ...], shares: tuple[int, ...]) -> None:
    assert percents(weights) == shares


def test_handle_is_dragged(qtbot: QtBot) -> None:
    bar = MixBar(("browse", "checkout", "login"))
    qtbot.addWidget(bar)
    bar.resize(500, 32)
    bar.set_shares((60, 30, 10))
    asked: list[object] = []
    bar.mix_requested.connect(asked.append)
    qtbot.mousePress(bar, Qt.MouseButton.LeftButton, pos=QPoint(300, 16))
    qtbot.mouseMove(bar, QPoint(400, 16))
    qtbot.mouseRelease(bar, Qt.MouseButton.LeftButton, pos=QPoint(400, 16))
    assert bar.shares == (80, 10, 10)
    assert asked == [(80, 10, 10)]


def test_handle_moves_by_keys_and_never_beyond_its_neighbours(qtbot: QtBot) -> None:
    bar = MixBar(("browse", "checkout", "login"))
    qtbot.addWidget(bar)
    bar.set_shares((60, 30, 10))
    for _ in range(30):
        qtbot.keyClick(bar, Qt.Key.Key_Right)
    assert bar.shares == (90, 0, 10)
    qtbot.keyClick(bar, Qt.Key.Key_Down)
    qtbot.keyClick(bar, Qt.Key.Key_Left)
    assert bar.shares == (90, 0, 10)


async def test_moved_mix_is_asked_for(hands: Hands, port: FakePort) -> None:
    port.tell(running())
    hands.qtbot.keyClick(hands.panel.bar.mix, Qt.Key.Key_Left)
    await eventually(lambda: port.client is not None and bool(port.client.wishes))
    assert port.client is not None
    assert port.client.wishes[0].mix == Mix(browse=55, checkout=35, login=10)


async def test_requests_of_ones_own_take_the_place_of_the_mix_until_it_is_wanted_back(
    hands: Hands, port: FakePort
) -> None:
    plan = TrafficPlan(requests=[CustomRequest(method="GET", path="/")])
    port.tell(running(plan=plan))
    assert hands.says("ownRequests") == "1 request of your own"
    assert not hands.panel.bar.mix.isVisible()
    hands.click("backToMix")
    await eventually(lambda: port.client is not None and bool(port.client.wishes))
    assert port.client is not None
    assert port.client.wishes[0].mix == Mix()


# --- the plan --------------------------------------------------------------------------------------------------------


async def test_plan_is_edited_in_a_dialog(hands: Hands, port: FakePort) -> None:
    port.tell(running())
    hands.click("editPlan")
    dialog = hands.panel.findChild(PlanDialog)
    assert dialog is not None
    steps = dialog.findChild(QPlainTextEdit, "steps")
    duration = dialog.findChild(QLineEdit, "duration")
    assert steps is not None
    assert duration is not None
    steps.setPlainText("30 9999")
    dialog.submit()
    assert dialog.isVisible(), "what makes no sense stays to be mended"
    steps.setPlainText("30 200 10")
    duration.setText("120")
    dialog.submit()
    await eventually(lambda: port.client is not None and bool(port.client.wishes))
    assert port.client is not None
    (wish,) = port.client.wishes
    assert (wish.steps, wish.duration_s) == ([Step(at_s=30.0, rate=200.0, ramp_s=10.0)], 120.0)


async def test_clients_can_be_left_to_the_system_again(hands: Hands, port: FakePort) -> None:
    port.tell(running(plan=TrafficPlan(rate=120.0, clients=3, auto_clients=False)))
    hands.click("autoClients")
    await eventually(lambda: port.client is not None and bool(port.client.wishes))
    assert port.client is not None
    assert port.client.wishes[0].clients is None
