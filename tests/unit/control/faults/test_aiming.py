from dataclasses import replace
from typing import Any

import pytest

from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.faults import FaultScope, FaultTarget, NewFault
from embedded_services.control.faults.aiming import MOST, Scene, aim
from embedded_services.control.faults.record import Record
from embedded_services.faults.catalogue import kind_of
from embedded_services.faults.params import Abort, Delay

SCENE = Scene(
    services=["user", "order"],
    instances={"user-1": "user", "order-1": "order", "mine": "order"},
    external={"mine"},
    processes=["broker", "gateway", "orchestrator", "user-1", "order-1"],
    queues=["order.events"],
    routes=[("/api/orders", "order"), ("/api/auth/login", "user")],
    sagas={"order-processing": ["validate-order", "process-payment"], "refund-order": ["refund"]},
)


def wish(kind: str = "abort", target: FaultTarget | None = None, **given: Any) -> NewFault:
    return NewFault(kind=kind, target=target or FaultTarget(service="order"), **given)


def present(kind: str, target: FaultTarget, number: int = 0, **params: Any) -> Record:
    of = kind_of(kind)
    return Record(
        id=f"f_{number}", kind=of, target=target, aim=target, params=of.read(params), probability=1.0,
        scope=of.scopes[0], seed=1, ttl=60, armed_at=0, armed_wall=0, deadline=60, expires_wall=60,
    )  # fmt: skip


def refused(asked: NewFault, *there: Record, scene: Scene = SCENE) -> ApiError:
    with pytest.raises(ApiError) as error:
        aim(asked, scene, there)
    return error.value


def test_what_is_left_out_is_as_the_catalogue_says() -> None:
    aimed = aim(wish("latency"), SCENE, [])
    assert (aimed.params, aimed.scope) == (Delay(), FaultScope.REQUEST)


def test_what_is_given_is_taken() -> None:
    aimed = aim(wish(params={"status": 418}, scope=FaultScope.CONNECTION), SCENE, [])
    assert (aimed.params, aimed.scope) == (Abort(status=418), FaultScope.CONNECTION)


def test_the_service_of_an_instance_follows_from_it() -> None:
    aimed = aim(wish(target=FaultTarget(instance="order-1")), SCENE, [])
    assert aimed.aim == FaultTarget(service="order", instance="order-1")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (wish(target=FaultTarget(service="shipping")), "target.service"),
        (wish(target=FaultTarget(instance="order-7")), "target.instance"),
        (wish(target=FaultTarget(service="user", instance="order-1")), "target.instance"),
        (wish(target=FaultTarget(service="user", process="nobody")), "target.process"),
        (wish(target=FaultTarget(method="GET")), "target"),
        (wish("slow-database", FaultTarget(service="order", instance="order-1")), "target.instance"),
        (wish("handler-failure", FaultTarget(queue="user.events")), "target.queue"),
        (wish("fail-step", FaultTarget(saga="order-processing")), "target.step"),
        (wish("fail-step", FaultTarget(saga="refund-order", step="process-payment")), "target.step"),
        (wish("fail-step", FaultTarget(saga="ship-order", step="refund")), "target.saga"),
        (wish("kill", FaultTarget(instance="mine")), "target.instance"),
        (wish("lying-health", FaultTarget(instance="mine")), "target.instance"),
        (wish("expired-token", FaultTarget()), "kind"),
    ],
)
def test_a_target_that_cannot_be_meant_is_refused_at_its_field(asked: NewFault, field: str) -> None:
    error = refused(asked)
    (detail,) = error.details or []
    assert (error.code, detail.field) == ("VALIDATION_FAILED", field)


@pytest.mark.parametrize("kind", ["handler-failure", "duplicate", "delay", "reorder"])
@pytest.mark.parametrize("whose", [{"service": "order"}, {"instance": "order-1"}])
def test_a_queue_that_another_service_handles_is_refused_with_its_own_ones(
    kind: str, whose: dict[str, str]
) -> None:
    scene = replace(SCENE, queues=["order.events", "notification.events", "notification.deliveries"])
    error = refused(wish(kind, FaultTarget(queue="notification.deliveries", **whose)), scene=scene)
    (detail,) = error.details or []
    assert detail.field == "target.queue"
    assert "handled by notification, not by order" in detail.message
    assert detail.message.endswith("its own are: order.events")
    assert aim(wish(kind, FaultTarget(queue="order.events", **whose)), scene, []).target.queue


WIRED = replace(
    SCENE,
    queues=["order.events", "notification.events", "notification.deliveries"],
    bound={"order.events": ["payment.completed"], "notification.events": ["order.created", "email.send"]},
    callers=["gateway", "orchestrator"],
    undoable={"order-processing": ["process-payment"], "refund-order": []},
    services=["user", "order", "notification"],
)


@pytest.mark.parametrize(
    ("asked", "field", "instead"),
    [
        (wish("abort", FaultTarget(service="user", process="broker")), "target.process", "gateway, orchestrator"),
        (wish("handler-failure", FaultTarget(service="order", event="order.*")), "target.event", "payment.completed"),
        (wish("delay", FaultTarget(queue="notification.events", event="a.#")), "target.event", "email.send, order.created"),
        (wish("duplicate", FaultTarget(service="user")), "target.service", "order, notification"),
        (wish("fail-compensation", FaultTarget(step="validate-order")), "target.step", "process-payment"),
        (wish("fail-step", FaultTarget(step="refund"), params={"undoing": True}), "target.step", "process-payment"),
    ],
)  # fmt: skip
def test_what_is_there_and_can_never_act_is_refused_with_what_can(
    asked: NewFault, field: str, instead: str
) -> None:
    (detail,) = refused(asked, scene=WIRED).details or []
    assert detail.field == field
    assert detail.message.endswith(f": {instead}")


@pytest.mark.parametrize(
    "asked",
    [
        wish("abort", FaultTarget(service="user", process="orchestrator")),
        wish("handler-failure", FaultTarget(service="order", event="payment.*")),
        wish("duplicate", FaultTarget(event="#.created")),
        wish(
            "delay", FaultTarget(service="notification", event="nobody.knows")
        ),  # of deliveries it is not known
        wish("publish-failure", FaultTarget(service="order", event="order.updated")),
        wish("fail-step", FaultTarget(step="validate-order")),
    ],
)
def test_what_can_act_or_may_is_taken(asked: NewFault) -> None:
    assert aim(asked, WIRED, []).wish is asked


def test_a_wrong_name_is_answered_with_the_right_ones() -> None:
    assert (
        "there are: validate-order, process-payment, refund"
        in refused(wish("fail-step", FaultTarget(step="ship"))).message
    )
    assert "there are: order.events" in refused(wish("delay", FaultTarget(queue="x"))).message


@pytest.mark.parametrize(
    ("target", "says"),
    [
        (
            FaultTarget(route="/api/shipping"),
            "there is no route '/api/shipping'; there are: /api/orders, /api/auth/login",
        ),
        (FaultTarget(route="/api/orders", service="user"), "/api/orders leads to order, not to user"),
        (
            FaultTarget(route="/api/orders/{id}", instance="user-1"),
            "/api/orders/{id} leads to order, not to user",
        ),
    ],
)
def test_a_route_that_leads_nowhere_or_elsewhere_is_refused(target: FaultTarget, says: str) -> None:
    (detail,) = refused(wish(target=target)).details or []
    assert (detail.field, detail.message) == ("target.route", says)


@pytest.mark.parametrize(
    "target",
    [
        FaultTarget(route="/api/orders/{id}", service="order"),
        FaultTarget(route="/api/auth", instance="user-1"),
        FaultTarget(route="/api/*/login"),
        FaultTarget(route="/api/"),
        FaultTarget(route="/internal/stock", service="order"),
    ],
)
def test_a_route_that_a_call_can_take_is_taken(target: FaultTarget) -> None:
    assert aim(wish(target=target), SCENE, []).target.route == target.route


def test_probability_is_refused_where_nothing_is_drawn_for() -> None:
    asked = wish("locked-database", FaultTarget(service="order"), probability=0.5)
    (detail,) = refused(asked).details or []
    assert (detail.field, detail.bound) == ("probability", 1)


def test_faults_of_the_edge_reach_instances_that_others_have_started() -> None:
    assert aim(wish(target=FaultTarget(instance="mine")), SCENE, []).aim.service == "order"


def test_what_nobody_knows_now_is_not_refused() -> None:
    blind = Scene(services=["order"], instances={}, external=(), processes=["orchestrator"])
    assert aim(wish("fail-step", FaultTarget(step="whatever")), blind, []).kind == "fail-step"
    assert aim(wish("delay", FaultTarget(queue="whatever")), blind, []).kind == "delay"


def test_a_contradiction_names_the_fault_that_it_contradicts() -> None:
    there = present("freeze", FaultTarget(service="order", instance="order-1"))
    error = refused(wish("crash-loop", FaultTarget(instance="order-1")), there)
    assert error.code == "CONFLICT"
    assert "freeze (f_0)" in error.message


def test_harmless_combinations_are_taken() -> None:
    there = [
        present("abort", FaultTarget(service="order")),
        present("latency", FaultTarget(service="order"), 1),
    ]
    assert aim(wish("truncate-body"), SCENE, there).kind == "truncate-body"
    assert aim(wish("abort"), SCENE, there).kind == "abort"


def test_there_is_a_limit() -> None:
    there = [present("abort", FaultTarget(service="order"), number) for number in range(MOST)]
    assert refused(wish(), *there).code == "CONFLICT"
