"""The Faults panel by clicks: composed, refused, injected, proved, extended, removed; presets all or none."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QDialog, QLineEdit, QMenu, QPushButton

from app.panels.faults.countdown_ring import CountdownRing
from app.panels.faults.fault_card import FaultCard
from app.panels.faults.kind_card import KindCard
from app.panels.faults.proof_bars import ProofBars
from app.widgets.label import Label
from embedded_services.client.errors import ControlError
from embedded_services.contracts.errors import ErrorDetail
from embedded_services.contracts.faults import Affected, FaultState, FaultTarget, Proof
from embedded_services.faults.catalogue import KINDS
from tests.gui.panels.faults.conftest import FakePort, Hands, fault
from tests.helpers.fault_scene import NOW
from tests.helpers.qt import eventually, texts


async def ready(hands: Hands, port: FakePort) -> None:
    port.tell()
    await eventually(lambda: hands.panel.catalogue.findChild(KindCard, "kind.latency"))


def cards(hands: Hands) -> list[str]:
    found = [card for card in hands.panel.findChildren(FaultCard) if card.isVisibleTo(hands.panel)]
    return [card.fault.id for card in sorted(found, key=lambda card: card.y())]


async def test_every_kind_is_a_card_that_says_what_the_client_sees(hands: Hands, port: FakePort) -> None:
    await ready(hands, port)
    for kind in KINDS:
        card = hands.panel.catalogue.card(kind)
        assert card.words.sees
        assert kind in card.accessibleName()


async def test_a_family_and_a_text_narrow_the_catalogue(hands: Hands, port: FakePort) -> None:
    await ready(hands, port)
    hands.panel.catalogue.filter.setText("dead letters")
    await eventually(lambda: not hands.panel.catalogue.card("kill").isVisible())
    assert hands.panel.catalogue.card("handler-failure").isVisible()
    hands.panel.catalogue.filter.setText("no such thing")
    await eventually(lambda: "No kind of fault is called that." in texts(hands.panel))
    hands.panel.catalogue.filter.clear()
    await eventually(lambda: hands.panel.catalogue.card("kill").isVisible())


async def test_composed_and_injected_by_clicks(hands: Hands, port: FakePort) -> None:
    await ready(hands, port)
    assert port.client is not None
    hands.click("kind.latency")
    hands.aim("order")
    hands.write("params.ms", "250")
    hands.write("probability", "25")
    assert "1 in 4 calls takes 250 ms longer" in hands.find(Label, "outlook").text()
    hands.click("inject")
    await eventually(lambda: port.client is not None and port.client.armed)
    (armed,) = port.client.armed
    assert (armed.kind, armed.target, armed.probability) == ("latency", FaultTarget(service="order"), 0.25)
    assert armed.params["ms"] == 250
    port.tell_faults(fault("f1", "latency", params=armed.params))
    await eventually(lambda: cards(hands) == ["f1"])


async def test_what_is_missing_is_said_before_anybody_is_asked(hands: Hands, port: FakePort) -> None:
    await ready(hands, port)
    hands.click("kind.latency")
    hands.write("params.ms", "999999")
    hands.click("inject")
    shown = texts(hands.panel.composer)
    assert "Choose what it acts on." in shown
    assert "0 – 60,000 ms" in shown
    assert port.client is not None
    assert port.client.armed == []
    hands.aim("order")
    hands.write("params.ms", "100")
    assert "Choose what it acts on." not in texts(hands.panel.composer)


async def test_a_refusal_stands_at_its_field_and_what_was_written_stays(hands: Hands, port: FakePort) -> None:
    await ready(hands, port)
    assert port.client is not None
    detail = ErrorDetail(field="target.service", message="there is no order; there are: user")
    port.client.refuses.append(ControlError("VALIDATION_FAILED", "refused", 400, details=[detail]))
    hands.click("kind.abort")
    hands.aim("order")
    hands.write("probability", "50")
    hands.click("inject")
    await eventually(lambda: detail.message in texts(hands.panel.composer))
    assert hands.find(QLineEdit, "probability").text() == "50"
    assert hands.find(QPushButton, "inject").isEnabled()


async def test_what_one_kind_was_given_is_there_again(hands: Hands, port: FakePort) -> None:
    await ready(hands, port)
    hands.click("kind.latency")
    hands.aim("payment-1")
    hands.write("params.ms", "77")
    hands.click("kind.kill")
    hands.click("kind.latency")
    assert hands.panel.composer.draft.target == {"instance": "payment-1"}
    assert hands.panel.composer.draft.params["ms"] == "77"


@pytest.mark.parametrize("kind", sorted(KINDS))
async def test_every_kind_has_a_form(kind: str, hands: Hands, port: FakePort) -> None:
    await ready(hands, port)
    hands.panel.compose(kind)
    for param in KINDS[kind].info.params:
        assert param.name in hands.panel.composer.draft.params
    if not KINDS[kind].armable:
        asked = QSignalSpy(hands.panel.navigation_requested)
        hands.click("inject")
        assert asked.count() == 1
        assert asked.at(0)[:2] == ["requests", kind]


async def test_time_runs_and_proof_follows(hands: Hands, port: FakePort) -> None:
    await ready(hands, port)
    proof = Proof(eligible=2713, injected=266, client_requests=266, client_failures=27)
    port.tell_faults(fault("f1", proof=proof))
    await eventually(lambda: cards(hands) == ["f1"])
    bars = hands.panel.findChild(ProofBars)
    ring = hands.panel.findChild(CountdownRing)
    assert bars is not None
    assert ring is not None
    assert "asked 10 %" in bars.accessibleName()
    assert "injected 9.8 % 266 of 2,713 tries" in bars.accessibleName()
    await port.clock.advance(18)
    await eventually(lambda: ring.accessibleName() == "ends in 0:42")
    port.tell_faults(fault("f1", state=FaultState.EXPIRED))
    await eventually(lambda: cards(hands) == [])
    assert any("Nothing is broken by you" in text for text in texts(hands.panel))


async def test_one_more_minute_and_the_end(hands: Hands, port: FakePort) -> None:
    await ready(hands, port)
    assert port.client is not None
    port.tell_faults(fault("f1"))
    await eventually(lambda: cards(hands) == ["f1"])
    await port.clock.advance(20)
    hands.click("extend")
    await eventually(lambda: port.client is not None and port.client.extended)
    assert port.client.extended == [("f1", 100.0)]
    hands.click("remove")
    await eventually(lambda: port.client is not None and port.client.removed == ["f1"])


async def test_a_fault_in_the_inspector_names_whom_it_hit(hands: Hands, port: FakePort) -> None:
    await ready(hands, port)
    hit = Affected(at=NOW, request_id="req_1", trace_id="a" * 32, where="gateway")
    port.tell_faults(fault("f1", proof=Proof(eligible=1, injected=1, last=[hit])))
    await eventually(lambda: cards(hands) == ["f1"])
    hands.qtbot.mouseClick(
        hands.find(FaultCard, "fault.f1"),
        Qt.MouseButton.LeftButton,
        pos=hands.find(FaultCard, "fault.f1").rect().topLeft(),
    )
    asked = QSignalSpy(hands.panel.navigation_requested)
    link = next(one for one in hands.panel.page.findChildren(QPushButton) if "req_1" in one.text())
    hands.qtbot.mouseClick(link, Qt.MouseButton.LeftButton)
    assert asked.at(0) == ["gateway", "a" * 32]
    hands.click("again")
    assert hands.panel.composer.draft.target == {"service": "order"}


async def test_without_contact_nothing_can_be_asked_for(hands: Hands, port: FakePort) -> None:
    await ready(hands, port)
    port.tell_faults(fault("f1"))
    await eventually(lambda: cards(hands) == ["f1"])
    port.lose()
    await eventually(lambda: not hands.find(QPushButton, "remove").isEnabled())


def preset(hands: Hands, title: str) -> QAction:
    return next(
        action
        for menu in hands.panel.findChildren(QMenu)
        for action in menu.actions()
        if action.text() == title
    )


async def test_a_preset_arms_all_its_faults(hands: Hands, port: FakePort) -> None:
    await ready(hands, port)
    assert port.client is not None
    preset(hands, "Retry storm").trigger()
    await eventually(lambda: port.client is not None and len(port.client.armed) == 2)
    assert [one.kind for one in port.client.armed] == ["latency", "abort"]


async def test_a_preset_that_is_refused_half_way_is_taken_back(hands: Hands, port: FakePort) -> None:
    await ready(hands, port)
    assert port.client is not None
    port.client.refuses = [None, ControlError("CONFLICT", "too many faults", 409)]
    preset(hands, "Retry storm").trigger()
    await eventually(lambda: port.client is not None and port.client.removed == ["f1"])
    await eventually(lambda: "Too many faults." in texts(hands.panel))


async def test_a_preset_of_ones_own_is_kept_and_forgotten(hands: Hands, port: FakePort) -> None:
    await ready(hands, port)
    hands.click("kind.kill")
    hands.aim("order-1")
    hands.click("savePreset")
    await eventually(lambda: hands.panel.findChild(QDialog, "presetDialog"))
    hands.write("presetTitle", "My outage")
    hands.find(QDialog, "presetDialog").accept()
    await eventually(lambda: [one.title for one in hands.settings.presets] == ["My outage"])
    assert hands.settings.presets[0].faults[0].target == FaultTarget(instance="order-1")
    forget = next(
        action
        for menu in hands.panel.findChildren(QMenu)
        if menu.title() == "Forget a preset"
        for action in menu.actions()
    )
    forget.trigger()
    assert hands.settings.presets == []


async def test_others_open_it_at_a_kind_even_before_it_is_known(hands: Hands, port: FakePort) -> None:
    hands.panel.open_at("freeze")
    await ready(hands, port)
    await eventually(lambda: hands.panel.composer.kind == "freeze")
