"""What happens to events: dead letters, outboxes that grow, a broker that is not there. Pure but for memory."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from embedded_services.contracts.agent import Beat
from embedded_services.contracts.events import BusState, Handled
from embedded_services.contracts.timeline import TimelineKind as Kind
from embedded_services.contracts.timeline import TimelineSubject, TimelineTone
from embedded_services.control.timeline.bursts import Burst, Threshold, step
from embedded_services.control.timeline.facts import Fact

BROKER: Final = "broker"
DEAD: Final = Threshold(begin=1, within_s=5.0, keep=1, quiet_s=10.0)
GROWS_FROM: Final = 20
GROWS_TO: Final = 5
"""An outbox grows from so many messages that are due, or from the first one that the broker is not there for, and has told all
again when so few are left."""
REMEMBERED: Final = 500


class MessageFacts:
    """`trace_of` gives the trace of a message, empty if it is not known."""

    def __init__(self, trace_of: Callable[[str], str]) -> None:
        self._trace_of = trace_of
        self._dead: dict[str, tuple[Burst, deque[str]]] = {}
        self._growing: dict[str, int] = {}
        """By instance: how many waited at most."""
        self._runs: dict[str, int] = {}
        self._met: set[str] = set()
        """Instances that had been connected to the broker: before that, there is nothing to be cut off from."""
        self._was_connected = self._is_lost = False

    def told(self, instance: str, service: str, beat: Beat, at: float, now: float) -> Iterator[Fact]:
        """A beat of `instance`, received `at` (wall) and `now` (monotonic)."""
        dead: dict[str, list[Handled]] = {}
        for handled in beat.handled:
            if handled.outcome == "dead":
                dead.setdefault(f"{handled.queue}|{handled.type}", []).append(handled)
        for key, letters in dead.items():
            yield self._died(key, letters, service, now)
        if beat.outbox is not None:
            yield from self._outbox(instance, service, beat, at)

    def _died(self, key: str, letters: list[Handled], service: str, now: float) -> Fact:
        burst, traces = self._dead.pop(key, (Burst(), deque[str](maxlen=5)))
        burst, _ = step(burst, len(letters), now, DEAD)
        traces.extend(trace for one in letters[-5:] if (trace := self._trace_of(one.message_id)))
        if len(self._dead) >= REMEMBERED:
            del self._dead[next(iter(self._dead))]
        self._dead[key] = burst, traces
        last = letters[-1]
        return Fact(
            kind=Kind.DEAD_LETTER,
            at=last.at,
            text=f"{last.queue}: {{n}} dead letter{{s}}, {last.type}: {last.error}",
            subject=TimelineSubject(service=service or None, queue=last.queue, event=last.type),
            source=last.instance,
            key=f"dead:{key}:{burst.number}",
            count=burst.count,
            traces=tuple(traces),
        )

    def _outbox(self, instance: str, service: str, beat: Beat, at: float) -> Iterator[Fact]:
        state = beat.outbox
        if state is None:
            return
        if state.connected:
            self._met.add(instance)
        is_cut_off = not state.connected and instance in self._met
        most = self._growing.get(instance)
        subject = TimelineSubject(
            service=service or None,
            instance=instance if service else None,
            process=None if service else instance,
        )
        if state.waiting >= GROWS_FROM or (state.waiting and is_cut_off):
            if most is None:
                self._runs[instance] = self._runs.get(instance, 0) + 1
            if most is None or state.waiting > most:
                self._growing[instance] = state.waiting
                why = f": {state.problem}" if state.problem and not state.connected else ""
                yield Fact(
                    kind=Kind.OUTBOX,
                    at=at,
                    text=f"{instance}: outbox grows, {{n}} message{{s}} wait{why}",
                    subject=subject,
                    source=instance,
                    word="grows",
                    key=f"outbox:{instance}:{self._runs[instance]}",
                    count=state.waiting,
                    is_level=True,
                    names=(f"outbox:{instance}",),
                )
        elif most is not None and state.waiting < GROWS_TO:
            del self._growing[instance]
            yield Fact(
                kind=Kind.OUTBOX,
                at=at,
                text=f"{instance}: outbox told, {most:,} messages had waited",
                subject=subject,
                source=instance,
                word="told",
                tone=TimelineTone.OK,
                because=(f"outbox:{instance}",),
            )

    def bus(self, state: BusState | None, at: float) -> Iterator[Fact]:
        """The connection of the control plane to the broker, as it is now."""
        if state is None:
            return
        if self._was_connected and not state.connected and not self._is_lost:
            self._is_lost = True
            yield Fact(
                kind=Kind.BROKER_LOST,
                at=at,
                text=f"the broker is lost: {state.problem or 'the connection broke'}",
                subject=TimelineSubject(process=BROKER),
                names=("broker-lost",),
            )
        elif state.connected and self._is_lost:
            self._is_lost = False
            yield Fact(
                kind=Kind.BROKER_BACK,
                at=at,
                text="the broker is back",
                subject=TimelineSubject(process=BROKER),
            )
        self._was_connected = self._was_connected or state.connected
