"""The moments at which the window is pictured, made as a user makes them: on a real system, by requests and by harm."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_args

from PySide6.QtCore import QMessageLogContext, QtMsgType
from PySide6.QtWidgets import QPushButton

from app.bootstrap import Application
from app.core.backend import Phase
from app.core.feed import DEAD_LETTERS, EVENTS_SEEN, INSTANCES, REQUESTS
from app.core.settings import SettingsFile
from app.panels.events.events_panel import EventsPanel
from app.panels.gateway.gateway_panel import GatewayPanel
from app.panels.requests.draft import Draft
from app.panels.requests.requests_panel import RequestsPanel
from app.qt.theme import ThemeChoice, theme
from embedded_services.contracts.events import NewEvent
from embedded_services.contracts.faults import FaultTarget, NewFault
from embedded_services.contracts.instances import Instance, Status
from embedded_services.contracts.system import RequestRecord
from embedded_services.contracts.traffic import CustomRequest, Mix, TrafficWish
from tests.helpers.qt import eventually
from tests.helpers.saga_scenes import calm_sagas, troubled_sagas
from tests.helpers.window import healthy, opened

SETTLE_S = 0.35
"""As long as a changed figure is tinted, and a throttled view waits."""

RATE = 40
TRAFFIC_S = 12.0
FROZEN, LOOPING = "payment-2", "notification-1"
FAULTS = (
    NewFault(
        kind="abort",
        target=FaultTarget(service="order", process="gateway"),
        params={"status": 503},
        probability=0.1,
        seed=7,
        ttl=900,
    ),
    NewFault(kind="freeze", target=FaultTarget(instance=FROZEN), ttl=900),
)
ORDER = '{"items": [{"productId": "prod1", "quantity": 2}, {"productId": "prod2", "quantity": 1}]}'
PATHS = ("/api/products/prod1", "/api/orders", "/api/payments", "/api/dashboard", "/api/notifications")
CALM = (
    Draft(),
    Draft("GET", "/api/dashboard"),
    Draft("POST", "/api/orders", body=ORDER),
    Draft("GET", "/api/orders"),
)
TROUBLED = (
    Draft("GET", "/api/orders/unknown"),
    Draft("GET", "/api/users/usr_demo", auth="forged"),
    Draft("GET", "/api/nothing/here"),
    Draft("GET", "/api/payments", auth="expired"),
    Draft("POST", "/api/orders", body='{"items": [{"productId": "prod1", "quantity": '),
)


@dataclass
class Camera:
    """Takes the pictures whose name contains `only`, and tells each name."""

    folder: Path
    only: str
    tell: Callable[[str], None]
    taken: int = 0

    def wants(self, *parts: str) -> bool:
        return self.only in "-".join(parts)

    async def take(self, application: Application, themes: Iterable[str], subject: str, state: str) -> None:
        for name in themes:
            if self.wants(subject, name, state):
                choose(name)
                await asyncio.sleep(SETTLE_S)
                path = self.folder / f"{subject}-{name}-{state}.png"
                assert application.window.grab().save(str(path)), f"cannot write {path}"
                self.taken += 1
                self.tell(path.name)

    async def take_panels(self, application: Application, themes: Iterable[str], state: str) -> None:
        for key in application.window.panels:
            application.window.show_panel(key)
            await self.take(application, themes, key, state)
        if state == "calm":
            await self.take_gateway_pages(application, themes)

    async def take_gateway_pages(self, application: Application, themes: Iterable[str]) -> None:
        application.window.show_panel("gateway")
        for page in ("routes", "policies"):
            gateway(application).show_page(page)
            await self.take(application, themes, "gateway", page)
        gateway(application).show_page("balancing")


def say_what_matters(kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
    """Qt's messages, without what having no screen brings with it."""
    if not text.startswith("This plugin does not support"):
        sys.stderr.write(f"{text}\n")


def choose(name: str) -> None:
    [choice] = [known for known in get_args(ThemeChoice) if known == name]
    theme().choose(choice)


async def take_all(camera: Camera, folder: Path, themes: tuple[str, ...]) -> None:
    """One system from its start to its end."""
    settings = SettingsFile.load(folder / "window.json")
    async with opened(folder / "demo-shop", settings) as application:
        await camera.take(application, themes[:1], "window", "starting")
        await healthy(application)
        await camera.take_panels(application, themes, "empty")
        async with traffic(application):
            await calm(application)
            await camera.take_panels(application, themes, "calm")
            await trouble(application)
            await camera.take_panels(application, themes, "trouble")
        await whole_window(camera, application, themes)


async def calm(application: Application) -> None:
    """Eight healthy; the demo customer is logged in and has sent some requests."""
    window = application.window
    requests = console(application)
    press(requests, "loginCustomer")
    await eventually(lambda: requests.token.is_logged_in)
    for draft in CALM:
        await send(requests, draft)
    window.panels["services"].open_at("order-1")
    await asyncio.sleep(TRAFFIC_S)  # so that there is something to read
    await look_at_request(application, lambda record: record.sampled and record.path == "/api/orders")
    await look_at_event(application, "order.created")
    await calm_sagas(application)


async def trouble(application: Application) -> None:
    """One frozen and found out, calls that fail, one that crashes again and again, and requests that fail."""
    own = [CustomRequest(method="GET", path=path) for path in PATHS]
    await application.session.control().start_traffic(TrafficWish(requests=own))
    for fault in FAULTS:
        await application.session.control().arm_fault(fault)
    for _ in range(5):
        await eventually(lambda: row(application, LOOPING).status is Status.HEALTHY)
        victim = row(application, LOOPING)
        assert victim.pid is not None
        os.kill(victim.pid, signal.SIGKILL)
        await eventually(partial(is_gone, application, victim))
    await eventually(lambda: row(application, LOOPING).status is Status.CRASH_LOOPING)
    await eventually(lambda: not row(application, FROZEN).in_rotation)
    requests = console(application)
    for draft in TROUBLED:
        await send(requests, draft)
    application.window.panels["services"].open_at(FROZEN)
    await look_at_request(application, lambda record: record.tries > 1 and record.service == "payment")
    await look_at_dead_letter(application)
    await troubled_sagas(application)
    application.window.panels["faults"].open_at("latency")


async def look_at_request(application: Application, wanted: Callable[[RequestRecord], bool]) -> None:
    """Into the inspector of the Gateway panel: the newest request of this kind, with its trace."""
    tail, panel = application.session.feed.tail(REQUESTS), gateway(application)
    application.window.show_panel("gateway")
    panel.log.view.set_following(True)
    found = next((record for _, record in reversed(tail.after(0)) if wanted(record)), None)
    assert found is not None
    await eventually(partial(panel.log.holds, found.id))
    panel.open_at(found.id)
    await eventually(lambda: panel.request_page.trace_note == "")


async def look_at_event(application: Application, event_type: str) -> None:
    """Into the inspector of the Events panel: the newest event of this type."""
    panel = events(application)
    application.window.show_panel("events")
    tail = application.session.feed.tail(EVENTS_SEEN)
    seen = next((seen for _, seen in reversed(tail.after(0)) if seen.type == event_type), None)
    assert seen is not None, f"no {event_type} passed"
    await eventually(lambda: panel.list.select(seen.seq))
    await eventually(lambda: panel.event_page.row is not None and panel.event_page.row.seq == seen.seq)


async def look_at_dead_letter(application: Application) -> None:
    """Events that nobody can handle lie dead at once; one of them is looked at."""
    control, panel = application.session.control(), events(application)
    for _ in range(3):
        await control.publish_event(
            NewEvent(type="notification.send", data={"template": "order_confirmation"})
        )
    await control.publish_event(NewEvent(type="email.send", data={"to": "nobody", "template": "welcome"}))
    await eventually(lambda: len(application.session.feed.rows(DEAD_LETTERS)) == 4)
    application.window.show_panel("events")
    await eventually(lambda: len(panel.dead.blocks) == 2)
    panel.dead.letter_selected.emit(next(iter(application.session.feed.rows(DEAD_LETTERS).values())))


async def whole_window(camera: Camera, application: Application, themes: tuple[str, ...]) -> None:
    """What the frame says when there is no contact, when all is stopped, and which actions there are."""
    window, backend = application.window, application.session.backend
    window.show_panel("services")
    window.palette_view.open()
    await camera.take(application, themes, "window", "palette")
    window.palette_view.hide()
    assert backend.state.endpoint is not None
    pid = backend.state.endpoint.pid
    if camera.wants("window", themes[0], "lost") or camera.wants("window", themes[-1], "lost"):
        os.kill(pid, signal.SIGSTOP)
        try:
            await eventually(lambda: window.top_bar.pill.status == "unknown")
            await camera.take(application, themes, "window", "lost")
        finally:
            os.kill(pid, signal.SIGCONT)
        await eventually(lambda: application.session.feed.link.is_live)
    backend.stop()
    await eventually(lambda: backend.state.phase is Phase.STOPPED)
    await camera.take(application, themes, "window", "stopped")


def console(application: Application) -> RequestsPanel:
    found = application.window.panels["requests"]
    assert isinstance(found, RequestsPanel)
    return found


def events(application: Application) -> EventsPanel:
    found = application.window.panels["events"]
    assert isinstance(found, EventsPanel)
    return found


def gateway(application: Application) -> GatewayPanel:
    found = application.window.panels["gateway"]
    assert isinstance(found, GatewayPanel)
    return found


def press(panel: RequestsPanel, name: str) -> None:
    button = panel.findChild(QPushButton, name)
    assert isinstance(button, QPushButton)
    button.click()


async def send(panel: RequestsPanel, draft: Draft) -> None:
    """Write it, send it, and wait for what comes of it."""
    history = panel.history.rows.model()
    before = history.rowCount()
    panel.set_draft(draft)
    panel.send_requested.emit(panel.draft)
    await eventually(lambda: history.rowCount() > before)


def row(application: Application, instance: str) -> Instance:
    found = application.session.feed.rows(INSTANCES)[instance]
    assert isinstance(found, Instance)
    return found


def is_gone(application: Application, before: Instance) -> bool:
    now = row(application, before.id)
    return now.pid != before.pid or now.status is not Status.HEALTHY


@asynccontextmanager
async def traffic(application: Application) -> AsyncIterator[None]:
    """A few requests a second of every kind, while inside."""
    control = application.session.control()
    await control.patch_settings({"limits": {"limit": 1_000_000}})
    await control.start_traffic(TrafficWish(rate=RATE, mix=Mix(browse=70, checkout=20, login=10), clients=12))
    try:
        yield
    finally:
        await control.stop_traffic()
