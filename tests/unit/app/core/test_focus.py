"""What belongs to an entry of the timeline and to what came of it."""

from app.core.focus import focus_on
from embedded_services.contracts.timeline import TimelineKind as Kind
from embedded_services.contracts.timeline import TimelineSubject
from tests.helpers.timeline import AT, TRACE, Teller


def test_what_came_of_it_belongs() -> None:
    freeze, *effects = Teller().freeze()
    focus = focus_on(freeze, effects, "freeze payment-2")
    assert focus.instances == {"payment-2"}
    assert focus.traces == {TRACE}
    assert focus.has_instance("payment-1", "payment"), "picks moved there"
    assert not focus.has_instance("order-1", "order")


def test_an_instance_alone_does_not_bring_its_siblings() -> None:
    freeze, timeouts, *_ = Teller().freeze()
    focus = focus_on(freeze, [timeouts], "freeze payment-2")
    assert focus.has_process("payment-2")
    assert not focus.has_process("payment-1")
    assert not focus.has_instance("payment-1", "payment")


def test_what_was_long_before_does_not_belong() -> None:
    kill, *effects = Teller().kill()
    focus = focus_on(kill, effects, "kill order-1")
    assert focus.has_time(AT + 39.5), "another clock may be a little behind"
    assert not focus.has_time(AT + 20.0)


def test_processes_that_are_no_instances_belong_by_name() -> None:
    lost = Teller().tell(Kind.BROKER_LOST, TimelineSubject(process="broker"))
    focus = focus_on(lost, [], "broker lost")
    assert focus.has_process("broker")
    assert focus.has_places
    assert not focus.has_process("gateway")


def test_only_who_was_limited_concerns_the_limits() -> None:
    teller = Teller()
    burst = teller.tell(Kind.LIMITED_BURST, TimelineSubject(process="gateway"))
    assert focus_on(burst, [], "429").limited
    assert not focus_on(teller.freeze()[0], [], "freeze").limited
