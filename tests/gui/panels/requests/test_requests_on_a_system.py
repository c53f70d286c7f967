"""The Requests panel by clicks and keys on a system that runs."""

import asyncio
import json
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QPushButton
from pytestqt.qtbot import QtBot

from app.core.feed import INSTANCES
from app.core.settings import WindowSettings
from app.panels.requests.exchange_page import ExchangePage
from app.widgets.copyable_id import CopyableId
from app.widgets.json_view import JsonView
from app.widgets.segmented_toggle import SegmentedToggle
from app.widgets.text_view import TextView
from embedded_services.contracts.settings import ServicePatch
from embedded_services.contracts.system import Ready, Registration
from tests.gui.panels.requests.conftest import FakePort, build, on_a_system, serving
from tests.helpers.live import LivePort
from tests.helpers.qt import eventually, texts


async def test_newcomer_logs_in_and_sends(ready: Ready, qtbot: QtBot) -> None:
    async with on_a_system(ready, qtbot) as (console, _):
        offered = next(
            b for b in console.panel.response.findChildren(QPushButton) if b.text() == "Log in as customer"
        )
        console.qtbot.mouseClick(offered, Qt.MouseButton.LeftButton)
        await eventually(lambda: console.panel.token.is_logged_in)
        assert console.text("holder") == "demo@faultdeck.local · customer"
        assert console.text("timeLeft").startswith(("1:00:00", "59:"))
        shown = console.text("timeLeft")
        await eventually(lambda: console.text("timeLeft") != shown)
        console.qtbot.mouseClick(offered, Qt.MouseButton.LeftButton)
        row = await console.answered()
        await eventually(lambda: console.status == "200 OK")
        assert row.instance in ("order-1", "order-2")
        assert console.text("instance") == row.instance
        assert console.text("answerTo") == "GET /api/products"
        assert console.text("took").endswith(" ms")
        assert console.text("meaning") == "The request was carried out."
        tree = console.find(JsonView, "bodyTree")
        assert json.loads(tree.text())["items"][0]["id"] == "prod1"


async def test_what_the_gateway_knows_of_the_request_follows(ready: Ready, qtbot: QtBot) -> None:
    async with on_a_system(ready, qtbot) as (console, _):
        await console.log_in()
        console.click("send")
        await console.answered()
        await eventually(lambda: console.newest.trace)
        assert console.newest.tries == 1
        assert console.newest.user == "usr_demo"
        assert console.text("tries") == "1"
        assert console.find(CopyableId, "traceId").isEnabled()
        console.find(CopyableId, "requestId").copy()
        assert QGuiApplication.clipboard().text() == console.newest.request_id


async def test_each_bad_token_is_refused_by_the_gateway_itself(ready: Ready, qtbot: QtBot) -> None:
    async with on_a_system(ready, qtbot) as (console, _):
        await console.log_in()
        expected = {"good": 200, "none": 401, "expired": 403, "forged": 403, "alg-none": 403}
        hints = {}
        for kind, status in expected.items():
            console.send_with(kind)
            hints[kind] = console.text("tokenHint")
            console.click("send")
            row = await console.answered()
            assert (row.sent_as, row.status) == (kind, status)
        assert "Well signed" in hints["expired"]
        codes = [row.outcome for row in console.model.rows()[:4]]
        assert codes[:3] == ["The gateway does not accept the token: expired, forged or damaged."] * 3
        assert codes[3] == "This route wants a token, and there was none that it could use."
        assert console.status == "403 Forbidden"


async def test_claims_are_shown_as_they_go_out(ready: Ready, qtbot: QtBot) -> None:
    async with on_a_system(ready, qtbot) as (console, _):
        await console.log_in("admin")
        toggle = console.find(SegmentedToggle, "part")
        for _ in range(2):
            console.qtbot.keyClick(toggle, Qt.Key.Key_Right)
        tree = console.find(JsonView, "claims")
        assert tree.isVisible()

        def shown() -> dict[str, Any]:
            found = json.loads(tree.text())
            assert isinstance(found, dict)
            return found

        assert shown()["claims"]["role"] == "admin"
        assert shown()["header"]["alg"] == "HS256"
        console.send_with("alg-none")
        assert shown()["header"]["alg"] == "none"
        console.send_with("forged")
        assert shown()["claims"]["name"] == "Mallory"
        console.send_with("none")
        assert "No token goes out." in texts(console.panel)


async def test_another_role_may_do_other_things(ready: Ready, qtbot: QtBot) -> None:
    async with on_a_system(ready, qtbot) as (console, _):
        console.write("PATCH", "/api/products/prod1", '{"stock": 100000}')
        await console.log_in("customer")
        console.click("send")
        assert (await console.answered()).status == 403
        assert console.newest.outcome == "The token is good, but its role may not do this."
        console.click("loginAdmin")
        await eventually(lambda: console.text("holder") == "admin@faultdeck.local · admin")
        console.click("send")
        await eventually(lambda: console.newest.status == 200)


async def test_body_that_is_not_json_goes_out_and_the_service_says_what_it_thinks(
    ready: Ready, qtbot: QtBot
) -> None:
    async with on_a_system(ready, qtbot) as (console, _):
        await console.log_in()
        console.write("POST", "/api/orders", '{"items": [,]}')
        await eventually(lambda: console.text("send") == "Send anyway")
        console.click("send")
        assert (await console.answered()).status == 400
        assert console.newest.outcome == "The content of the request is not as it must be."


async def test_keyboard_alone_sends(ready: Ready, qtbot: QtBot) -> None:
    async with on_a_system(ready, qtbot) as (console, _):
        await console.log_in()
        body = console.find(QPlainTextEdit, "body")
        body.setFocus()
        before = console.model.rowCount()
        console.qtbot.keyClick(body, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        await eventually(lambda: console.model.rowCount() > before)
        assert body.toPlainText() == ""


async def test_request_that_hangs_is_cancelled_by_escape(ready: Ready, qtbot: QtBot) -> None:
    async with on_a_system(ready, qtbot) as (console, live):
        await live.control().act_on_process("gateway", "freeze")
        try:
            console.click("send")
            assert console.is_sending()
            assert not console.find(QPushButton, "send").isEnabled()
            await eventually(lambda: "Waiting for the answer" in texts(console.panel.response))
            qtbot.keyClick(console.panel, Qt.Key.Key_Escape)
            assert not console.is_sending()
            assert "Cancelled" in texts(console.panel.response)
            assert console.newest.cancelled
        finally:
            await live.control().act_on_process("gateway", "thaw")
        await console.log_in()


async def test_fifty_megabytes_from_behind_the_gateway_leave_the_window_free(
    ready: Ready, qtbot: QtBot
) -> None:
    size, chunk = 50_000_000, b"x" * 50_000

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/health":
            return web.Response()
        response = web.StreamResponse(headers={"Content-Length": str(size)})
        await response.prepare(request)
        for _ in range(size // len(chunk)):
            await response.write(chunk)
        return response

    async with (
        on_a_system(ready, qtbot) as (console, live),
        serving(answer) as url,
        in_place_of(live, "order", int(url.rpartition(":")[2])) as stand_in,
    ):
        await console.log_in()
        tracemalloc.start()
        console.click("send")
        stall = await longest_stall(console.is_sending)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert (console.newest.status, console.newest.size) == (200, size)
        assert console.newest.instance == stand_in
        assert console.text("bodyNote").startswith("Shown are the first 262.1 KB of 50.0 MB")
        assert len(console.find(TextView, "bodyText").text()) == 262_144
        assert peak < 20 * 1024 * 1024
        assert stall < 0.25


@asynccontextmanager
async def in_place_of(live: LivePort, service: str, port: int) -> AsyncIterator[str]:
    """An external instance alone serves `service` inside."""
    control, name = live.control(), f"{service}-9"
    await control.patch_service(service, ServicePatch(replicas=0))
    await control.register(service, name, Registration(host="127.0.0.1", port=port, ttl=60))
    await eventually(lambda: in_rotation(live, service) == [name])
    yield name
    await control.deregister(service, name)
    await control.patch_service(service, ServicePatch(replicas=2))
    await eventually(lambda: len(in_rotation(live, service)) == 2)


def in_rotation(live: LivePort, service: str) -> list[str]:
    rows = live.feed.rows(INSTANCES).values()
    return [row.id for row in rows if row.service == service and row.in_rotation]


async def longest_stall(going_on: Callable[[], bool]) -> float:
    """Seconds between two turns of the loop, at the worst, while it goes on."""
    worst, loop = 0.0, asyncio.get_running_loop()
    while going_on():
        before = loop.time()
        await asyncio.sleep(0.001)
        worst = max(worst, loop.time() - before)
    return worst


async def test_answer_that_breaks_off_is_shown_as_far_as_it_came(qtbot: QtBot) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "text/plain"})
        await response.prepare(request)
        await response.write(b"as far as this")
        assert request.transport is not None
        request.transport.close()
        return response

    async with serving(answer) as url:
        console = build(FakePort(url), qtbot)
        console.click("send")
        await console.answered()
        assert console.text("bodyNote") == "The connection broke after 14 B of 1.0 KB: this is not all."
        assert console.find(TextView, "bodyText").text() == "as far as this"
        await console.end()


async def test_history_is_inspected_sent_again_copied_and_followed_into_the_logs(
    ready: Ready, qtbot: QtBot
) -> None:
    async with on_a_system(ready, qtbot) as (console, _):
        pages = QSignalSpy(console.panel.inspector_requested)
        asked = QSignalSpy(console.panel.navigation_requested)
        await console.log_in()
        console.click("send")
        first = await console.answered()
        page = pages.at(pages.count() - 1)[0]
        assert isinstance(page, ExchangePage)
        await eventually(lambda: "usr_demo" in " ".join(texts(page)))
        assert page.subject == "GET /api/products"

        def press(name: str) -> None:
            console.qtbot.mouseClick(page.findChild(QPushButton, name), Qt.MouseButton.LeftButton)

        press("copyCurl")
        assert "/api/products" in QGuiApplication.clipboard().text()
        assert "$TOKEN" in QGuiApplication.clipboard().text()
        press("openLogs")
        assert list(asked.at(0)) == ["logs", (first.instance, first.at)]
        press("sendAgain")
        await eventually(lambda: console.newest.number > first.number)
        assert console.newest.draft == first.draft


async def test_history_comes_back_at_the_next_start_without_the_token(ready: Ready, qtbot: QtBot) -> None:
    async with on_a_system(ready, qtbot) as (console, live):
        await console.log_in()
        console.write("GET", "/api/cart", headers="X-A: 1")
        console.click("send")
        await console.answered()
        raw = msgspec.json.encode(console.settings)
        token = console.find(CopyableId, "rawToken").toolTip().partition("\n")[0]
        assert token.count(".") == 2
        assert token.encode() not in raw
        assert b'"password\\": \\"faultdeck' not in raw
        later = build(live, qtbot, msgspec.json.decode(raw, type=WindowSettings))
        assert [row.draft.target for row in later.model.rows()] == ["/api/cart", "/api/auth/login"]
        later.qtbot.keyClick(later.panel.history.rows, Qt.Key.Key_Home)
        assert later.panel.draft.headers == "X-A: 1"


async def test_own_authorization_goes_before_the_token(ready: Ready, qtbot: QtBot) -> None:
    async with on_a_system(ready, qtbot) as (console, _):
        await console.log_in()
        console.write("GET", "/api/products", headers="Authorization: Basic eDp5")
        await eventually(lambda: "Authorization of their own" in console.text("tokenHint"))
        console.click("send")
        row = await console.answered()
        assert (row.status, row.sent_as) == (401, None)


async def test_end_of_the_panel_ends_its_request(ready: Ready, qtbot: QtBot) -> None:
    """A task that outlived it would touch widgets that are gone."""
    async with on_a_system(ready, qtbot) as (console, live):
        await live.control().act_on_process("gateway", "freeze")
        console.click("send")
        before = len(asyncio.all_tasks())
        await console.end()
        await eventually(lambda: len(asyncio.all_tasks()) < before)
        await live.control().act_on_process("gateway", "thaw")


async def test_every_control_has_a_name(ready: Ready, qtbot: QtBot) -> None:
    async with on_a_system(ready, qtbot) as (console, _):
        for button in console.panel.findChildren(QPushButton):
            assert button.accessibleName() or button.text() or not button.isVisible(), button.objectName()
        for kind, name in ((QPlainTextEdit, "body"), (QPlainTextEdit, "headers"), (QLabel, "meaning")):
            assert console.find(kind, name) is not None
        assert console.find(QPlainTextEdit, "body").accessibleName() == "Body of the request"
