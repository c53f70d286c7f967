"""Choosing what carries the events: tried where it is written, saved for the next start, and what is wrong said beside it."""

import asyncio

import msgspec
import pytest
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton

from app.panels.events.broker_dialog import BrokerDialog
from app.panels.events.broker_words import next_broker, subtitle
from embedded_services.client.errors import ControlError
from embedded_services.contracts.errors import ErrorDetail
from embedded_services.contracts.events import BrokerTest, BusState
from embedded_services.contracts.settings import BrokerSettings, SettingsState
from tests.gui.panels.events.conftest import Built, FakePort
from tests.gui.panels.events.test_events_panel import child, press
from tests.helpers.child import demo_settings
from tests.helpers.qt import eventually, texts

URL = "amqp://shop:•••@broker.local/"
GOOD = BrokerTest(ok=True, message="connected", took_ms=12.3, product="RabbitMQ", version="3.10.8")
BAD = BrokerTest(ok=False, message="connection refused: nothing listens there", took_ms=1.0)


async def opened(built: Built, port: FakePort, url: str | None = None) -> BrokerDialog:
    port.connect()
    port.bus()
    settings = msgspec.structs.replace(demo_settings(), broker=BrokerSettings(url=url))
    port.set("settings", settings=SettingsState(revision=1, settings=settings))
    press(built.panel, "broker")
    await eventually(lambda: built.panel.findChild(BrokerDialog))
    return child(built.panel, BrokerDialog)


def write(dialog: BrokerDialog, url: str) -> None:
    dialog.kind.choice_requested.emit("url")
    field = child(dialog, QLineEdit, "brokerUrl")
    field.setText(url)
    field.textEdited.emit(url)


def result(dialog: BrokerDialog) -> str:
    return child(dialog, QLabel, "brokerResult").text()


async def test_what_is_used_and_what_a_change_does_is_said(built: Built, port: FakePort) -> None:
    said = " ".join(texts(await opened(built, port)))
    assert "In use now: embedded broker · amqp://127.0.0.1:5673" in said
    assert "takes effect at the next start" in said
    assert "stays there" in said


async def test_an_address_is_tried_in_place(built: Built, port: FakePort) -> None:
    dialog = await opened(built, port)
    write(dialog, URL)
    port.fake.hold = asyncio.Event()
    port.fake.broker_test = GOOD
    press(dialog, "testBroker")
    assert result(dialog) == "connecting…"
    port.fake.hold.set()
    await eventually(lambda: "RabbitMQ 3.10.8" in result(dialog))
    assert port.fake.tested == [URL]
    port.fake.broker_test = BAD
    press(dialog, "testBroker")
    await eventually(lambda: "nothing listens there" in result(dialog))
    write(dialog, f"{URL}other")
    assert result(dialog) == "", "it was said of another address"


async def test_a_result_that_comes_late_is_not_said_of_another_address(built: Built, port: FakePort) -> None:
    dialog = await opened(built, port)
    write(dialog, URL)
    port.fake.hold = asyncio.Event()
    port.fake.broker_test = GOOD
    press(dialog, "testBroker")
    await eventually(lambda: port.fake.tested)
    write(dialog, "amqp://elsewhere/")
    port.fake.hold.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert result(dialog) == ""


async def test_broker_by_url_is_saved_for_the_next_start(built: Built, port: FakePort) -> None:
    told = QSignalSpy(built.panel.toast_requested)
    write(await opened(built, port), URL)
    press(child(built.panel, BrokerDialog), "saveBroker")
    await eventually(lambda: told.count() == 1)
    assert port.fake.patches == [{"broker": {"url": URL}}]
    assert told.at(0)[0] == "Saved. From the next start on: amqp://broker.local."
    await eventually(lambda: not built.panel.findChildren(BrokerDialog))


async def test_back_to_the_embedded_one(built: Built, port: FakePort) -> None:
    dialog = await opened(built, port, URL)
    assert dialog.kind.choice == "url"
    assert child(dialog, QLineEdit, "brokerUrl").text() == URL
    dialog.kind.choice_requested.emit("embedded")
    assert not child(dialog, QLineEdit, "brokerUrl").isVisibleTo(dialog)
    press(dialog, "saveBroker")
    await eventually(lambda: port.fake.patches == [{"broker": {"url": None}}])


@pytest.mark.parametrize("button", ["testBroker", "saveBroker"])
async def test_wrong_address_is_told_where_it_was_written(built: Built, port: FakePort, button: str) -> None:
    dialog = await opened(built, port)
    write(dialog, "")
    press(dialog, button)
    assert child(dialog, QLabel, "brokerError").text() == "Write the address of the broker."
    write(dialog, "http://b/")
    port.fake.refuse = ControlError(
        "VALIDATION_FAILED", "no", 400, details=[ErrorDetail(field="broker.url", message="must be like amqp://…")]
    )  # fmt: skip
    press(dialog, button)
    await eventually(lambda: child(dialog, QLabel, "brokerError").text() == "must be like amqp://…")
    assert child(dialog, QPushButton, button).isEnabled()


async def test_refusal_stays_in_the_dialog(built: Built, port: FakePort) -> None:
    dialog = await opened(built, port)
    port.fake.refuse = ControlError("INTERNAL_ERROR", "the settings could not be saved: disk full", 500)
    press(dialog, "saveBroker")
    await eventually(lambda: any("disk full" in said for said in texts(dialog)))
    assert dialog.isVisible()


def bus(kind: str, url: str) -> BusState:
    return BusState(
        url=url, kind=kind, connected=True, problem="", events_per_s=0, handled_per_s=0, total=0, dropped=0, gaps=0,
        gap_at=None, dead_letters=0, dead_letters_total=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("now", "wanted", "coming"),
    [
        (bus("embedded", "amqp://guest:•••@127.0.0.1:1/"), None, ""),
        (bus("embedded", "amqp://guest:•••@127.0.0.1:1/"), URL, "amqp://broker.local"),
        (bus("external", URL), URL, ""),
        (bus("external", URL), None, "embedded broker"),
        (bus("external", "amqp://other/"), URL, "amqp://broker.local"),
    ],
)
def test_what_comes_with_the_next_start_is_told(now: BusState, wanted: str | None, coming: str) -> None:
    assert next_broker(now, BrokerSettings(url=wanted)) == coming
    assert ("from the next start" in subtitle(now, BrokerSettings(url=wanted), stale=False)) is bool(coming)
