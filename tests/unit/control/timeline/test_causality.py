"""No effect stands before its cause, whatever the clocks say and in whichever order the processes are heard."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedded_services.contracts.timeline import TimelineEntry, TimelineSubject
from embedded_services.contracts.timeline import TimelineKind as Kind
from embedded_services.control.timeline.causality import MAX_CAUSES, MAX_TRACES, Causality
from embedded_services.control.timeline.facts import Fact
from embedded_services.control.timeline.held import MAX_CHAIN

PAYMENT_2 = TimelineSubject(service="payment", instance="payment-2")
PAYMENT = TimelineSubject(service="payment")
ORDER_1 = TimelineSubject(service="order", instance="order-1")


def fact(kind: Kind, subject: TimelineSubject = PAYMENT_2, **rest: object) -> Fact:
    return replace(Fact(kind=kind, at=100.0, text=kind.value, subject=subject), **rest)  # type: ignore[arg-type]  # the fields are the test's own


@dataclass
class Strip:
    """The timeline as somebody has it who follows all that is told."""

    causality: Causality = field(default_factory=Causality)
    entries: dict[str, TimelineEntry] = field(default_factory=dict)
    now: float = 0.0
    seq: int = 0

    def take(self, told: Fact, after_s: float = 0.1) -> TimelineEntry:
        """The entry that the fact became, or went on in."""
        self.now += after_s
        changed = self.causality.take(told, self.now)
        for entry in changed:
            assert entry.seq > self.seq, "numbers go up"
            self.seq = entry.seq
            self.entries[entry.id] = entry
        return next(entry for entry in changed if (entry.kind, entry.subject) == (told.kind, told.subject))

    def in_order(self) -> list[TimelineEntry]:
        return sorted(self.entries.values(), key=lambda entry: entry.order)

    def kinds(self, chain: str) -> list[Kind]:
        return [entry.kind for entry in self.in_order() if entry.chain == chain]

    def check(self) -> None:
        orders = [entry.order for entry in self.entries.values()]
        assert len(set(orders)) == len(orders)
        for entry in self.entries.values():
            for cause in entry.causes:
                assert self.entries[cause].order < entry.order, (self.entries[cause], entry)


@pytest.fixture
def strip() -> Strip:
    return Strip()


class TestCauses:
    def test_what_a_fact_names_is_its_cause_however_long_ago(self, strip: Strip) -> None:
        armed = strip.take(fact(Kind.FAULT_ARMED, names=("fault:f-1",)))
        strip.take(fact(Kind.ACTION, word="kill"), after_s=600.0)
        injected = strip.take(fact(Kind.FAULT_INJECTED, because=("fault:f-1",), key="injected:f-1"))
        assert injected.causes == [armed.id]
        assert injected.chain == armed.id

    def test_a_request_that_both_saw_wins_over_what_is_nearer(self, strip: Strip) -> None:
        seen = strip.take(fact(Kind.CALLS_FAILED, key="a", traces=("t1", "t2")))
        strip.take(fact(Kind.CALLS_FAILED, replace_instance("payment-1"), key="b"))
        burst = strip.take(fact(Kind.ERROR_BURST, PAYMENT, key="e", traces=("t2",)))
        assert burst.causes == [seen.id]

    def test_nothing_of_another_service_is_a_cause(self, strip: Strip) -> None:
        strip.take(fact(Kind.ACTION, ORDER_1, word="kill"))
        assert strip.take(fact(Kind.BREAKER_OPENED)).causes == []

    def test_what_was_long_ago_is_no_cause(self, strip: Strip) -> None:
        strip.take(fact(Kind.CALLS_FAILED, key="a"))
        assert strip.take(fact(Kind.BREAKER_OPENED), after_s=11.0).causes == []

    def test_what_is_in_force_is_a_cause_until_it_ends(self, strip: Strip) -> None:
        freeze = strip.take(fact(Kind.ACTION, word="freeze", names=("condition:payment-2",), opens=True))
        assert strip.take(fact(Kind.CHECK_FAILED, key="1"), after_s=500.0).causes == [freeze.id]
        strip.take(fact(Kind.ACTION, ORDER_1, word="thaw", closes=("condition:payment-2",)), after_s=60.0)
        assert strip.take(fact(Kind.CALLS_FAILED, key="2"), after_s=20.0).causes == []

    def test_what_is_in_force_has_effects_when_much_has_happened_since(self, strip: Strip) -> None:
        armed = strip.take(fact(Kind.FAULT_ARMED, names=("fault:f-1",), opens=True))
        for number in range(1_000):
            strip.take(fact(Kind.MISSED, TimelineSubject(process=f"p{number}"), key=str(number)))
        assert strip.take(fact(Kind.CALLS_FAILED, key="a")).causes == [armed.id]


class TestLate:
    def test_an_effect_moves_behind_the_cause_that_it_named(self, strip: Strip) -> None:
        exit_ = strip.take(fact(Kind.EXIT, because=("asked:payment-2:1",), names=("exit:payment-2:1",)))
        out = strip.take(fact(Kind.OUT_OF_ROTATION, because=("exit:payment-2:1",)))
        kill = strip.take(fact(Kind.ACTION, word="kill", names=("asked:payment-2:1",), source="elsewhere"))
        strip.check()
        assert strip.entries[exit_.id].causes == [kill.id]
        assert strip.kinds(kill.id) == [Kind.ACTION, Kind.EXIT, Kind.OUT_OF_ROTATION]
        assert strip.entries[out.id].chain == kill.id

    def test_what_callers_counted_late_comes_between_fault_and_effect(self, strip: Strip) -> None:
        armed = strip.take(fact(Kind.FAULT_ARMED, names=("fault:f-1",), opens=True))
        broken = strip.take(fact(Kind.SAGA_COMPENSATING, source="orchestrator", key="s"))
        assert broken.causes == [armed.id]
        failed = strip.take(fact(Kind.CALLS_FAILED, source="gateway", key="c"))
        assert strip.entries[broken.id].causes == [failed.id]
        strip.check()

    def test_a_process_never_tells_a_cause_after_its_effect(self, strip: Strip) -> None:
        opened = strip.take(fact(Kind.BREAKER_OPENED, source="gateway"))
        strip.take(fact(Kind.CALLS_FAILED, source="gateway", key="c"))
        assert strip.entries[opened.id].causes == []

    def test_what_would_turn_around_a_known_order_is_not_linked(self, strip: Strip) -> None:
        first = strip.take(fact(Kind.EXIT, because=("b",), names=("a",)))
        second = strip.take(fact(Kind.RESTART, because=("a",), names=("b",)))
        assert second.causes == [first.id]
        assert strip.entries[first.id].causes == []


class TestOneEntry:
    def test_what_goes_on_is_told_again_under_its_id(self, strip: Strip) -> None:
        begun = strip.take(fact(Kind.RETRIES, PAYMENT, key="r", count=3))
        later = strip.take(fact(Kind.RETRIES, PAYMENT, key="r", count=40, at=104.0))
        assert (later.id, later.count, later.until, later.order) == (begun.id, 40, 104.0, begun.order)
        assert later.seq > begun.seq

    def test_the_same_again_in_one_chain_is_counted(self, strip: Strip) -> None:
        armed = strip.take(fact(Kind.FAULT_ARMED, names=("f",), opens=True))
        for _ in range(50):
            strip.take(fact(Kind.BREAKER_OPENED), after_s=5.0)
            strip.take(fact(Kind.BREAKER_HALF_OPEN), after_s=5.0)
        chain = [entry for entry in strip.entries.values() if entry.chain == armed.id]
        assert {entry.kind: entry.count for entry in chain} == {
            Kind.FAULT_ARMED: 1,
            Kind.BREAKER_OPENED: 50,
            Kind.BREAKER_HALF_OPEN: 50,
        }

    def test_each_thing_that_a_person_did_stands_for_itself(self, strip: Strip) -> None:
        for _ in range(3):
            strip.take(fact(Kind.ACTION, word="kill"))
        assert len(strip.entries) == 3

    def test_bursts_of_one_chain_add_up(self, strip: Strip) -> None:
        strip.take(fact(Kind.FAULT_ARMED, names=("f",), opens=True))
        strip.take(fact(Kind.CALLS_FAILED, key="1", count=7))
        strip.take(fact(Kind.CALLS_FAILED, key="2", count=1))
        assert strip.take(fact(Kind.CALLS_FAILED, key="2", count=5)).count == 12

    def test_how_high_something_stood_does_not_add_up(self, strip: Strip) -> None:
        for key, count in (("1", 60), ("2", 20)):
            strip.take(fact(Kind.OUTBOX, key=key, count=count, is_level=True))
        grown = strip.take(fact(Kind.OUTBOX, key="2", count=40, is_level=True, text="{n} message{s}"))
        assert (grown.count, grown.text) == (60, "60 messages")


KINDS = st.sampled_from(list(Kind))
SUBJECTS = st.sampled_from(
    [
        PAYMENT_2,
        PAYMENT,
        ORDER_1,
        TimelineSubject(process="broker"),
        TimelineSubject(process="gateway"),
        TimelineSubject(saga="s-1", step="pay", service="payment"),
        TimelineSubject(queue="order.events", event="order.created", service="order"),
    ]
)
NAMES = st.lists(st.sampled_from([f"n{number}" for number in range(12)]), max_size=2).map(tuple)
FACTS = st.builds(
    Fact,
    kind=KINDS,
    at=st.floats(-1e6, 1e6),
    text=st.just("x"),
    subject=SUBJECTS,
    source=st.sampled_from(["control", "gateway", "orchestrator", "order-1"]),
    word=st.sampled_from(["", "kill", "freeze", "healthy"]),
    key=st.sampled_from(["", "", "k1", "k2", "k3"]),
    count=st.integers(1, 50),
    traces=st.lists(st.sampled_from(["t1", "t2", "t3"]), max_size=2).map(tuple),
    names=NAMES,
    because=NAMES,
    opens=st.booleans(),
    closes=NAMES,
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(FACTS, st.sampled_from([0.0, 0.1, 1.0, 8.0])), max_size=60))
def test_no_effect_stands_before_its_cause_whatever_is_told(told: list[tuple[Fact, float]]) -> None:
    """With wall clocks that jump about at will."""
    strip = Strip()
    for one, after_s in told:
        strip.now += after_s
        for entry in strip.causality.take(one, strip.now):
            assert entry.seq > strip.seq
            strip.seq = entry.seq
            strip.entries[entry.id] = entry
        strip.check()
    for entry in strip.entries.values():
        assert len(entry.causes) <= MAX_CAUSES
        assert len(entry.traces) <= MAX_TRACES
        assert len(strip.kinds(entry.chain)) <= MAX_CHAIN


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[tuple[str, str, tuple[str, ...], float]], list[int]]:
    """What truly happened, in order, as (process, name, causes, clock); and the order in which it is heard: each process is heard
    in its own order, and one may be heard long before another."""
    skews = {process: draw(st.floats(-1e5, 1e5)) for process in ("control", "gateway", "order-1", "broker")}
    happened: list[tuple[str, str, tuple[str, ...], float]] = []
    for number in range(draw(st.integers(1, 25))):
        process = draw(st.sampled_from(sorted(skews)))
        known = [name for _, name, _, _ in happened]
        causes = draw(st.lists(st.sampled_from(known), max_size=2, unique=True)) if known else []
        happened.append((process, f"e{number}", tuple(causes), number + skews[process]))
    queues = {process: [at for at, one in enumerate(happened) if one[0] == process] for process in skews}
    heard: list[int] = []
    while any(queues.values()):
        process = draw(st.sampled_from([name for name, waiting in queues.items() if waiting]))
        heard.append(queues[process].pop(0))
    return happened, heard


@settings(max_examples=80, deadline=None)
@given(histories())
def test_what_names_its_causes_is_in_a_true_order_however_it_is_heard(
    history: tuple[list[tuple[str, str, tuple[str, ...], float]], list[int]],
) -> None:
    """Whatever the processes' clocks say, and whoever is heard first."""
    happened, heard = history
    causality, entries, id_of = Causality(), dict[str, TimelineEntry](), dict[str, str]()
    for at in heard:
        process, name, causes, clock = happened[at]
        one = Fact(
            kind=Kind.STATUS,
            at=clock,
            text=name,
            subject=TimelineSubject(event=name),
            source=process,
            names=(name,),
            because=causes,
        )
        for entry in causality.take(one, 0.0):
            entries[entry.id] = entry
            id_of[entry.text] = entry.id
    for _, name, causes, _ in happened:
        own = entries[id_of[name]]
        assert {id_of[cause] for cause in causes} == set(own.causes)
        assert all(entries[id_of[cause]].order < own.order for cause in causes)
    for process in {one[0] for one in happened}:
        told = [entries[id_of[name]].order for source, name, _, _ in happened if source == process]
        assert told == sorted(told), "a process's own order is kept"


def replace_instance(instance: str) -> TimelineSubject:
    return TimelineSubject(service="payment", instance=instance)
