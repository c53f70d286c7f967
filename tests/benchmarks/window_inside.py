"""Measured within the window's own process, on the display that DISPLAY names: `python -m tests.benchmarks.window_inside
WORKSPACE [--quick]` prints its figures as JSON. Run by `tests.benchmarks.window`.

A stall is what a beat of 5 ms comes late by. A beat that could not come because of a long stall counts too, with what
it would have waited: otherwise a stall of 100 ms would be one reading among hundreds.
"""

import argparse
import asyncio
import gc
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from statistics import median

import httpx
import qasync
from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication

from app.bootstrap import Application
from app.core.feed import INSTANCES
from app.core.settings import SettingsFile
from app.panels.services.services_panel import ServicesPanel
from app.panels.services.services_rows import InstanceRow
from app.qt.columns import Role
from app.qt.theme import Theme
from embedded_services.contracts.instances import Instance, Status
from tests.benchmarks.figures import Figure
from tests.benchmarks.wrk import Load, load
from tests.helpers.window import healthy, opened

BEAT_S = 0.005
PAUSE_S = 1.5
"""Between two kills: what the one before changed is to be over."""


class Heartbeat(QObject):
    """Beats every 5 ms until it is stopped. Seconds: `stalls`, and `work`, what this thread itself did from beat to
    beat: where that is little, a stall came of other processes having the processors.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stalls: list[float] = []
        self.work: list[float] = []
        self._last, self._worked = time.perf_counter(), time.thread_time()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start(int(BEAT_S * 1000))

    def _beat(self) -> None:
        now, worked = time.perf_counter(), time.thread_time()
        late = now - self._last - BEAT_S
        self.work.append(worked - self._worked)
        self._last, self._worked = now, worked
        self.stalls.append(max(0.0, late))
        while (late := late - BEAT_S) > 0:
            self.stalls.append(late)

    def stop(self) -> None:
        self._timer.stop()


class Paints(QObject):
    """Hears of each painting of the rows."""

    def __init__(self, panel: ServicesPanel) -> None:
        super().__init__(panel)
        self.count = 0
        panel.tree.viewport().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.count += event.type() is QEvent.Type.Paint
        return False


async def measure(workspace: Path, *, quick: bool) -> list[Figure]:
    settings = SettingsFile.load(workspace.with_suffix(".json"))
    async with opened(workspace, settings) as application:
        await healthy(application)
        gc.freeze()  # as the window's own start does
        await asyncio.sleep(1.0)
        token = await prepare(application)
        return [
            await clicks(application, 3 if quick else 12),
            await kills(application, 3 if quick else 12),
            *await stalls(application, token, runs=1 if quick else 3, seconds=3 if quick else 6),
        ]


async def prepare(application: Application) -> str:
    """Lift the rate limit; a token for the load."""
    session = application.session
    await session.control().patch_settings({"limits": {"limit": 1_000_000_000}})
    assert session.gateway is not None
    async with httpx.AsyncClient(base_url=session.gateway, trust_env=False) as client:
        login = {"email": "demo@faultdeck.local", "password": "faultdeck"}
        answer = await client.post("/api/auth/login", json=login)
        return str(answer.json()["token"])


# --- what is done, until it is seen -------------------------------------------------------------------------------


async def clicks(application: Application, count: int) -> Figure:
    """From a click on the kill button of a row until that row is painted as being killed, or as what came of it."""
    panel = services(application)

    def click(instance: str) -> None:
        controls = panel.tree.controls(instance)
        assert controls is not None
        button = controls.findChild(QAbstractButton, "kill")
        assert isinstance(button, QAbstractButton)
        assert button.isEnabled()
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    took = await each_until_painted(application, count, click)
    return Figure("click → effect visible", "ms", took, "≤ 100", {"worst": round(max(took), 1)})


async def kills(application: Application, count: int) -> Figure:
    """From SIGKILL, sent by nobody whom the window knows, until the row is painted otherwise."""

    def kill(instance: str) -> None:
        pid = told(application, instance).pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    took = await each_until_painted(application, count, kill)
    return Figure("kill -9 → shown", "ms", took, "≤ 500", {"worst": round(max(took), 1)})


async def each_until_painted(application: Application, count: int, do: Callable[[str], None]) -> list[float]:
    """Do it to one instance after another; milliseconds until its row was painted in a new state."""
    panel = services(application)
    paints = Paints(panel)
    took = []
    victims = list(
        application.session.feed.rows(INSTANCES)
    )  # in turn: five ends within 30 s are a crash loop
    for number in range(count):
        victim = victims[number % len(victims)]
        before = state(shown(panel, victim))
        began = time.perf_counter()
        do(victim)
        await until(lambda: state(shown(panel, victim)) != before)  # noqa: B023 - awaited in this turn
        painted = paints.count
        await until(lambda: paints.count > painted)  # noqa: B023 - awaited in this turn
        took.append((time.perf_counter() - began) * 1000)
        await until(lambda: shown(panel, victim).status == Status.HEALTHY)  # noqa: B023 - awaited in this turn
        await asyncio.sleep(PAUSE_S)
    paints.deleteLater()
    return took


def services(application: Application) -> ServicesPanel:
    panel = application.window.panels["services"]
    assert isinstance(panel, ServicesPanel)
    application.window.show_panel("services")
    return panel


def shown(panel: ServicesPanel, instance: str) -> InstanceRow:
    row = panel.tree.row_of(instance).data(Role.ROW)
    assert isinstance(row, InstanceRow)
    return row


def state(row: InstanceRow) -> object:
    return (row.status, row.pid, row.doing)


def told(application: Application, instance: str) -> Instance:
    return application.session.feed.rows(INSTANCES)[instance]


async def until(holds: Callable[[], bool]) -> None:
    """Looks again in each turn of the loop."""
    async with asyncio.timeout(10.0):
        while not holds():  # noqa: ASYNC110 - what is painted raises no event of asyncio's
            await asyncio.sleep(0.001)


# --- under load ---------------------------------------------------------------------------------------------------


async def stalls(application: Application, token: str, *, runs: int, seconds: int) -> list[Figure]:
    """With each panel open in turn, and at last with no load at all."""
    figures = []
    for key in application.window.panels:
        application.window.show_panel(key)
        beats, rates = [], []
        for _ in range(runs):
            await asyncio.sleep(1.0)
            heartbeat = Heartbeat()
            rates.append((await saturated(application, token, seconds)).rate)
            heartbeat.stop()
            beats.append(heartbeat)
        name, notes = f"gateway saturated, {key} open: ", {"rps": round(median(rates))}
        p99 = [percentile(beat.stalls, 0.99) * 1000 for beat in beats]
        worst = [max(beat.stalls) * 1000 for beat in beats]
        work = [max(beat.work) * 1000 for beat in beats]
        figures += [
            Figure(f"{name}stall, p99", "ms", p99, "≤ 16", notes),
            Figure(f"{name}stall, worst", "ms", worst, "≤ 100", {"worst of all": round(max(worst), 1)}),
            Figure(f"{name}longest turn, CPU", "ms", work),
        ]
    heartbeat = Heartbeat()
    await asyncio.sleep(seconds)
    heartbeat.stop()
    return [*figures, Figure("no load: stall, worst", "ms", [max(heartbeat.stalls) * 1000])]


async def saturated(application: Application, token: str, seconds: int) -> Load:
    """wrk is waited for in another thread, so that it costs the window nothing."""
    url = f"{application.session.gateway}/api/products/prod1"
    headers = {"Authorization": f"Bearer {token}"}
    return await asyncio.to_thread(lambda: asyncio.run(load(url, seconds=seconds, headers=headers)))


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    app = QApplication(["faultdeck"])
    Theme.install(app, "dark")
    with asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(app)) as runner:
        figures = runner.run(measure(given.workspace, quick=given.quick))
    json.dump([asdict(figure) for figure in figures], sys.stdout)


if __name__ == "__main__":
    main()
