"""*Break it…*: every item can be armed as it stands, and says what a client will see in the present state."""

from typing import get_args

import pytest

from app.core.breaking import (
    BreakSubject,
    SubjectKind,
    choices,
    subject_of_entry,
    subject_of_process,
    subject_of_queue,
)
from embedded_services.contracts.faults import FaultTarget
from embedded_services.contracts.timeline import TimelineSubject
from embedded_services.faults.catalogue import KINDS
from tests.helpers.fault_scene import instance, scene

CATALOGUE = {name: kind.info for name, kind in KINDS.items()}
SUBJECTS = {
    "service": BreakSubject("service", "order"),
    "instance": BreakSubject("instance", "order-1"),
    "process": BreakSubject("process", "broker"),
    "queue": BreakSubject("queue", "notification.events"),
    "route": BreakSubject("route", "/api/orders"),
    "step": BreakSubject("step", "process-payment", "order-processing"),
}


@pytest.mark.parametrize("kind", get_args(SubjectKind))
def test_every_item_is_a_fault_that_the_catalogue_accepts(kind: str) -> None:
    found = choices(SUBJECTS[kind], CATALOGUE, scene())
    assert found.items
    for item in found.items:
        info = KINDS[item.fault.kind].info
        KINDS[item.fault.kind].read(item.fault.params)
        given = {name for name in FaultTarget.__struct_fields__ if getattr(item.fault.target, name)}
        assert given & set(info.needs), item.title
        assert given <= {*info.needs, *info.allows}, item.title
        assert item.sees
        assert 1 <= item.fault.ttl <= 3600


@pytest.mark.parametrize("kind", get_args(SubjectKind))
def test_a_letter_means_one_item(kind: str) -> None:
    letters = [item.letter for item in choices(SUBJECTS[kind], CATALOGUE, scene()).items]
    assert len(set(letters)) == len(letters)


def test_predictions_follow_the_present_state() -> None:
    both = choices(SUBJECTS["instance"], CATALOGUE, scene())
    alone = choices(
        SUBJECTS["instance"], CATALOGUE, scene(instance("order-1"), instance("order-2", in_rotation=False))
    )
    assert both.warning == ""
    assert alone.warning == "The only order instance in rotation"
    freeze_of = {
        id(found): next(item for item in found.items if item.fault.kind == "freeze")
        for found in (both, alone)
    }
    assert "order-2" in freeze_of[id(both)].sees
    assert freeze_of[id(alone)].how == "failing"


def test_a_kind_that_the_control_plane_does_not_know_is_not_offered() -> None:
    known = {name: info for name, info in CATALOGUE.items() if name != "freeze"}
    assert "freeze" not in [item.fault.kind for item in choices(SUBJECTS["instance"], known, scene()).items]


def test_a_step_without_its_saga_is_any_sagas() -> None:
    found = choices(BreakSubject("step", "process-payment"), CATALOGUE, scene())
    assert found.items[0].fault.target == FaultTarget(step="process-payment")


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("payment-12", BreakSubject("instance", "payment-12")),
        ("broker", BreakSubject("process", "broker")),
        ("control", None),
        ("", None),
    ],
)
def test_a_process_is_told_by_its_name(name: str, subject: BreakSubject | None) -> None:
    assert subject_of_process(name) == subject


def test_what_somebody_else_has_started_is_reached_by_its_calls_alone() -> None:
    own = choices(BreakSubject("instance", "order-1"), CATALOGUE, scene())
    foreign = choices(
        BreakSubject("instance", "order-1"), CATALOGUE, scene(instance("order-1", external=True))
    )
    assert {item.fault.kind for item in own.items} > {"kill", "freeze", "lying-health", "latency"}
    assert {item.fault.kind for item in foreign.items} == {"latency", "abort", "drop-connection", "bandwidth"}


@pytest.mark.parametrize("beside", ["", ".dead", ".retry", ".retry.500"])
def test_what_lies_beside_a_queue_is_broken_by_breaking_the_queue(beside: str) -> None:
    assert subject_of_queue(f"order.events{beside}") == BreakSubject("queue", "order.events")


def test_the_control_planes_own_queue_is_not_broken() -> None:
    assert subject_of_queue("faultdeck.tap") is None


@pytest.mark.parametrize(
    ("named", "wanted"),
    [
        (TimelineSubject(service="payment", instance="payment-2"), BreakSubject("instance", "payment-2")),
        (
            TimelineSubject(service="order", queue="order.events.dead", event="x"),
            BreakSubject("queue", "order.events"),
        ),
        (TimelineSubject(saga="41f", step="process-payment"), BreakSubject("step", "process-payment")),
        (TimelineSubject(process="broker"), BreakSubject("process", "broker")),
        (TimelineSubject(process="order-1"), BreakSubject("instance", "order-1")),
        (TimelineSubject(service="payment"), BreakSubject("service", "payment")),
        (TimelineSubject(route="/api/orders"), BreakSubject("route", "/api/orders")),
        (TimelineSubject(process="control"), None),
        (TimelineSubject(), None),
    ],
)
def test_an_entry_of_the_timeline_is_broken_at_the_narrowest_it_names(
    named: TimelineSubject, wanted: BreakSubject | None
) -> None:
    assert subject_of_entry(named) == wanted
