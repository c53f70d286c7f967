"""The Requests panel without a system: what it says of bad input, and what it keeps of what was written."""

import msgspec
from PySide6.QtCore import QStringListModel, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QDialog, QLineEdit, QPlainTextEdit, QPushButton
from pytestqt.qtbot import QtBot

from app.core.breaking import BreakSubject
from app.core.console import Reply
from app.panels.requests.body_view import body_view
from app.panels.requests.draft import Draft
from app.panels.requests.requests_model import Exchange
from app.panels.requests.response_body import ResponseBody
from app.widgets.button import IconButton
from app.widgets.json_view import JsonView
from app.widgets.segmented_toggle import SegmentedToggle
from app.widgets.text_view import MOST_LINES, TextView
from embedded_services.contracts.settings import Route, Settings, SettingsState
from embedded_services.contracts.stream import Snapshot
from embedded_services.faults.catalogue import KINDS
from tests.gui.panels.requests.conftest import FakePort, build
from tests.helpers.qt import eventually, texts

NOT_JSON = '{"items": [,]}'


async def test_body_that_is_not_json_is_told_where_it_is_and_sent_on_purpose(qtbot: QtBot) -> None:
    console = build(FakePort(), qtbot)
    console.write("POST", "/api/orders", NOT_JSON)
    await eventually(lambda: console.text("check").startswith("Not JSON: line 1, column 12"))
    assert console.text("send") == "Send anyway"
    asked = QSignalSpy(console.panel.send_requested)
    console.click("send")
    assert asked.at(0)[0].body == NOT_JSON
    console.find(QPlainTextEdit, "body").setPlainText("{}")
    await eventually(lambda: console.text("check") == "JSON")
    assert console.text("send") == "Send"


async def test_body_of_another_type_need_not_be_json(qtbot: QtBot) -> None:
    console = build(FakePort(), qtbot)
    console.write("POST", "/x", NOT_JSON, "Content-Type: text/plain")
    await eventually(lambda: console.text("check").startswith("Sent as it is"))
    console.write("GET", "/x", NOT_JSON)
    await eventually(lambda: console.text("check") == "Not sent: GET has no body.")
    assert console.text("send") == "Send"


async def test_tidying_indents_and_can_be_undone(qtbot: QtBot) -> None:
    console = build(FakePort(), qtbot)
    console.write("POST", "/x", '{"a":[1]}')
    console.click("tidy")
    body = console.find(QPlainTextEdit, "body")
    assert body.toPlainText() == '{\n  "a": [\n    1\n  ]\n}'
    body.undo()
    assert body.toPlainText() == '{"a":[1]}'


async def test_foreign_address_is_refused_below_the_path(qtbot: QtBot) -> None:
    console = build(FakePort("http://127.0.0.1:9"), qtbot)
    console.write("GET", "http://example.com/x")
    console.qtbot.keyClick(console.find(QLineEdit, "target"), Qt.Key.Key_Return)
    assert console.text("targetProblem") == (
        "This console sends to the gateway alone (http://127.0.0.1:9), not to example.com."
    )
    assert console.model.rowCount() == 0
    assert not console.is_sending()
    console.write("GET", "/x")
    assert console.text("targetProblem") == ""


async def test_header_that_is_none_is_told_with_its_line(qtbot: QtBot) -> None:
    console = build(FakePort("http://127.0.0.1:9"), qtbot)
    console.write("GET", "/x", headers="X-Good: 1\nbad")
    console.click("send")
    assert console.find(SegmentedToggle, "part").choice == "headers"
    assert console.text("check") == "Line 2: write it as Name: value."
    assert console.model.rowCount() == 0


async def test_without_a_system_sending_says_so_in_the_place_of_the_answer(qtbot: QtBot) -> None:
    console = build(FakePort(), qtbot)
    console.click("send")
    assert "The system is not running." in texts(console.panel.response)
    console.click("loginCustomer")
    await eventually(lambda: "The system is not running." in texts(console.panel.token))
    assert console.find(QPushButton, "loginCustomer").isEnabled()


async def test_gateway_that_is_gone_says_so_and_is_in_the_history(qtbot: QtBot) -> None:
    console = build(FakePort("http://127.0.0.1:9"), qtbot)
    console.click("send")
    assert console.is_sending()
    row = await console.answered()
    assert row.problem == "The gateway at http://127.0.0.1:9 cannot be reached."
    assert row.problem in texts(console.panel.response)
    console.qtbot.mouseClick(
        next(b for b in console.panel.response.findChildren(QPushButton) if b.text() == "Try again"),
        Qt.MouseButton.LeftButton,
    )
    await eventually(lambda: console.model.rowCount() == 2)


async def test_routes_of_the_system_complete_the_path(qtbot: QtBot) -> None:
    port = FakePort()
    console = build(port, qtbot)
    settings = Settings(name="s", services={}, routes=[Route(prefix="/api/things", service="a")])
    state = SettingsState(revision=1, settings=settings)
    port.feed.take(Snapshot(rev=1, state={"settings": {"settings": msgspec.to_builtins(state)}}))
    completer = console.find(QLineEdit, "target").completer()
    assert completer is not None
    routes = completer.model()
    assert isinstance(routes, QStringListModel)
    await eventually(lambda: routes.stringList()[:2] == ["/api/things", "/api/dashboard"])


async def test_choosing_from_the_history_puts_it_back_and_loses_nothing(qtbot: QtBot) -> None:
    console = build(FakePort("http://127.0.0.1:9"), qtbot)
    console.write("PUT", "/api/a", '{"a": 1}', "X-A: 1")
    console.click("send")
    await console.answered()
    console.write("POST", "/api/unsent", "[]")
    console.panel.history.rows.setCurrentIndex(console.panel.history.rows.model().index(0, 0))
    console.panel.history.rows.clearSelection()
    console.qtbot.keyClick(console.panel.history.rows, Qt.Key.Key_Home)
    assert console.panel.draft == Draft("PUT", "/api/a", "X-A: 1", '{"a": 1}')
    assert [(row.draft.target, row.was_sent) for row in console.model.rows()] == [
        ("/api/unsent", False), ("/api/a", True),
    ]  # fmt: skip
    console.panel.history.rows.setCurrentIndex(console.panel.history.rows.model().index(0, 0))
    assert console.panel.draft.target == "/api/unsent"
    assert console.model.rowCount() == 2


async def test_history_is_cleared_after_a_question(qtbot: QtBot) -> None:
    console = build(FakePort("http://127.0.0.1:9"), qtbot)
    console.click("send")
    await console.answered()
    assert len(console.settings.requests) == 1
    console.click("clearHistory")
    await eventually(lambda: console.panel.findChild(QDialog, "confirm"))
    dialog = console.panel.findChild(QDialog, "confirm")
    assert isinstance(dialog, QDialog)
    dialog.accept()
    await eventually(lambda: console.model.rowCount() == 0)
    assert console.settings.requests == []


async def test_curl_is_copied_without_the_token_unless_asked(qtbot: QtBot) -> None:
    console = build(FakePort("http://127.0.0.1:9"), qtbot)
    console.write("GET", "/x", headers="Authorization: Bearer s3cret")
    told = QSignalSpy(console.panel.toast_requested)
    console.click("curl")
    assert "s3cret" not in QGuiApplication.clipboard().text()
    assert "$TOKEN" in QGuiApplication.clipboard().text()
    assert told.at(0)[0] == "Copied as curl."
    action = next(
        a for a in console.panel.actions() if a.text() == "Copy the request as curl, with its token"
    )
    action.trigger()
    assert "Bearer s3cret" in QGuiApplication.clipboard().text()


def reply(kept: bytes, size: int | None = None, kind: str = "application/json") -> Reply:
    headers = (("Content-Type", kind), ("X-A", "1"))
    return Reply(200, "OK", "HTTP/1.1", headers, kept, size if size is not None else len(kept), 1.0, 2.0)


def test_body_is_a_tree_or_text_and_headers_beside_it(qtbot: QtBot) -> None:
    view = ResponseBody()
    qtbot.addWidget(view)
    view.show()
    answer = reply(b'{"a": 1}')
    view.show_body(body_view(answer), answer.headers)
    tree, text = view.findChild(JsonView, "bodyTree"), view.findChild(TextView, "bodyText")
    assert isinstance(tree, JsonView)
    assert isinstance(text, TextView)
    assert tree.isVisible()
    toggle = view.findChild(SegmentedToggle, "bodyForm")
    qtbot.keyClick(toggle, Qt.Key.Key_Right)
    assert text.isVisible()
    part = view.findChild(SegmentedToggle, "answerPart")
    qtbot.keyClick(part, Qt.Key.Key_Right)
    assert not text.isVisible()
    qtbot.mouseClick(view.findChild(IconButton, "copyBody"), Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "Content-Type: application/json\nX-A: 1"


def test_bounded_body_says_what_it_leaves_out(qtbot: QtBot) -> None:
    view = ResponseBody()
    qtbot.addWidget(view)
    view.show()
    answer = reply(b"[1,2" * 1000, 50_000_000)
    view.show_body(body_view(answer), answer.headers)
    assert "Shown are the first 4.0 KB of 50.0 MB; the rest was read and counted, not kept." in texts(view)
    text = view.findChild(TextView, "bodyText")
    assert isinstance(text, TextView)
    assert text.isVisible()
    answer = reply(b"a\n" * (MOST_LINES + 10), kind="text/plain")
    view.show_body(body_view(answer), answer.headers)
    assert text.toPlainText().endswith("… 10 more lines; copy the text to have them")
    assert text.text() == "a\n" * (MOST_LINES + 10)


async def test_request_from_elsewhere_is_put_in_place_and_not_sent(qtbot: QtBot) -> None:
    console = build(FakePort(), qtbot)
    asked = QSignalSpy(console.panel.send_requested)
    console.panel.open_at(("POST", "/api/orders?dry=1"))
    assert (console.panel.draft.method, console.panel.draft.target) == ("POST", "/api/orders?dry=1")
    console.panel.open_at(("BREW", "/coffee"))
    console.panel.open_at("nothing of this kind")
    assert console.panel.draft.target == "/api/orders?dry=1"
    assert asked.count() == 0


def test_a_token_fault_is_chosen_and_not_sent_yet(qtbot: QtBot) -> None:
    console = build(FakePort(), qtbot)
    asked = QSignalSpy(console.panel.send_requested)
    kinds = [kind for kind, info in KINDS.items() if not info.armable]
    chosen = []
    for kind in kinds:
        console.panel.open_at(kind)
        chosen.append(console.panel.draft.auth)
    assert chosen == ["expired", "forged", "alg-none"]
    assert asked.count() == 0


async def test_who_served_a_request_is_broken_from_its_page_and_from_the_history(qtbot: QtBot) -> None:
    console = build(FakePort(), qtbot)
    console.model.append(
        [
            Exchange(3, 3.0, Draft(target="/api/put-aside")),
            Exchange(2, 2.0, Draft(target="/api/orders"), status=401),
            Exchange(1, 1.0, Draft(target="/api/orders"), status=200, instance="order-2"),
        ]
    )
    panel, rows = console.panel, console.panel.history.rows
    panel.activateWindow()
    await eventually(panel.isActiveWindow)
    asked: list[BreakSubject] = []
    panel.break_requested.connect(lambda subject, _: asked.append(subject))
    for at, wanted in (
        (2, BreakSubject("instance", "order-2")),
        (1, BreakSubject("process", "gateway")),
        (0, None),
    ):
        rows.select_index(rows.model().index(at, 0))
        assert panel.page.break_it.isHidden() is (wanted is None)
        assert panel.page.break_it.subject == wanted
        rows.setFocus()
        qtbot.keyClick(rows, Qt.Key.Key_B)
        panel.page.break_it.click()
        assert asked == ([wanted, wanted] if wanted else [])
        asked.clear()
