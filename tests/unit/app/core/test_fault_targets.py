"""What a fault can be aimed at: read off the kind's descriptor and the present system."""

from app.core.fault_targets import other_fields, places, suggestions
from embedded_services.contracts.faults import FaultTarget
from embedded_services.faults.catalogue import KINDS
from tests.helpers.fault_scene import instance, scene


def words(kind: str, **changes: object) -> list[str]:
    return [place.word for place in places(KINDS[kind].info, scene())]


def test_a_process_fault_is_aimed_at_instances_and_at_the_systems_own_processes() -> None:
    assert words("kill") == [
        "order-1",
        "order-2",
        "payment-1",
        "payment-2",
        "gateway",
        "broker",
        "orchestrator",
    ]


def test_a_call_is_aimed_at_services_and_at_their_instances() -> None:
    assert words("abort") == ["order", "payment", "order-1", "order-2", "payment-1", "payment-2"]


def test_a_sagas_fault_is_aimed_at_a_step_of_it() -> None:
    found = places(KINDS["fail-step"].info, scene())
    assert [dict(place.fields) for place in found] == [
        {"saga": "order-processing", "step": "reserve-inventory"},
        {"saga": "order-processing", "step": "process-payment"},
    ]


def test_a_database_is_a_services() -> None:
    assert words("slow-database") == ["order", "payment"]


def test_a_process_that_is_not_ours_is_no_target_of_a_signal() -> None:
    there = scene(instance("order-1"), instance("mine-1", external=True, pid=None))
    assert [place.word for place in places(KINDS["kill"].info, there)][:1] == ["order-1"]
    for kind in ("kill", "lying-health", "false-alarm"):
        assert "mine-1" not in [place.word for place in places(KINDS[kind].info, there)]
    assert "mine-1" in [place.word for place in places(KINDS["latency"].info, there)]


def test_a_place_says_how_it_is() -> None:
    there = scene(instance("order-1"), instance("order-2", in_rotation=False))
    found = {place.word: (place.note, place.status) for place in places(KINDS["latency"].info, there)}
    assert found["order"] == ("1 of 2 in rotation", "degraded")


def test_what_is_left_of_the_target_is_asked_for_one_by_one() -> None:
    assert other_fields(KINDS["latency"].info) == ["route", "process", "method", "header", "user"]
    assert other_fields(KINDS["handler-failure"].info)[:2] == ["queue", "event"]
    assert other_fields(KINDS["kill"].info) == []
    assert other_fields(KINDS["fail-step"].info) == []


def test_every_field_that_a_kind_knows_can_be_filled_in() -> None:
    for kind in KINDS.values():
        fields = {*other_fields(kind.info)}
        for place in places(kind.info, scene()):
            fields |= {name for name, _ in place.fields}
        assert fields >= set(kind.info.needs), kind.name
        assert fields <= set(FaultTarget.__struct_fields__)


def test_suggestions_come_from_the_system() -> None:
    assert "/api/orders" in suggestions("route", scene())
    assert suggestions("queue", scene()) == ["notification.events"]
    assert suggestions("process", scene())[:2] == ["gateway", "orchestrator"]
    assert suggestions("header", scene()) == []
