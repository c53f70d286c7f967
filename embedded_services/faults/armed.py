"""What one process holds of the faults in force: asked wherever one may act, told anew by each snapshot.

The seam for whoever carries a kind out, a service, the bus, a database, the orchestrator:

    hit = context.faults.ask("handler-failure", queue="order.events", event="payment.completed")
    if hit is not None: ...            # hit.params is the kind's own type, hit.delay_s() a time drawn from its spread

To ask is to decide: it is counted as eligible, drawn for, and counted as injected when it hits, with the request that is
being answered as the affected one (`hit.affected` names another). While nothing of the kind is armed it costs one look into a
dictionary. Only the event loop's own thread may ask; `on_change` tells who holds something of a fault that has ended. Pure.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from embedded_services.contracts.faults import (
    Affected,
    ArmedFault,
    FaultCounts,
    FaultLayer,
    Faults,
    FaultScope,
)
from embedded_services.faults import touched
from embedded_services.faults.catalogue import KINDS
from embedded_services.faults.counters import Counter
from embedded_services.faults.distributions import delay_s
from embedded_services.faults.draw import chance, key_of
from embedded_services.faults.expiry import Timing
from embedded_services.faults.matching import call_test, matches
from embedded_services.faults.params import Delay
from embedded_services.faults.precedence import in_order

KEPT: Final = 200
"""Faults that have ended whose counts are kept, for what is still to be told of them."""


class Held:
    """One fault in force. A ramp lets the time that it adds grow, of a kind that adds time, else its probability."""

    __slots__ = (
        "_key",
        "_note",
        "_probability",
        "_ramps_time",
        "_spread_key",
        "_times",
        "armed_at",
        "by_connection",
        "counter",
        "id",
        "kind",
        "layer",
        "params",
        "strength",
        "target",
        "test",
        "timing",
    )

    def __init__(
        self, fault: ArmedFault, slot: str, counter: Counter, note: Callable[[Counter], None]
    ) -> None:
        kind = KINDS[fault.kind]
        self.id = fault.id
        self.kind = fault.kind
        self.layer = kind.layer
        self.target = fault.target
        self.params = kind.read(fault.params)
        self.armed_at = fault.armed_at
        self.timing = Timing(self.params, fault.armed_at, fault.deadline)
        self.test = call_test(fault.target)
        self.by_connection = fault.scope is FaultScope.CONNECTION
        self.counter = counter
        self.strength = 1.0
        """Of the last decision."""
        self._note = note
        self._probability = fault.probability
        self._ramps_time = isinstance(self.params, Delay)
        self._times = int(getattr(self.params, "times", 0))
        self._key = key_of(fault.seed, slot)
        self._spread_key = key_of(fault.seed, slot, "time")

    def decide(self, now: float) -> bool:
        """Whether it strikes this time. Counts."""
        strength = self._strength(now)
        if strength <= 0.0:
            return False
        counter = self.counter
        counter.eligible = nth = counter.eligible + 1
        if counter.told:
            self._note(counter)
        if not self._strikes(nth, strength):
            return False
        counter.injected += 1
        return True

    def decide_for(self, fates: dict[str, bool], now: float) -> bool:
        """As `decide`, for something that keeps its fate, a connection: `fates` are those that it has been dealt."""
        strength = self._strength(now)
        if strength <= 0.0:
            return False
        counter = self.counter
        counter.eligible += 1
        if counter.told:
            self._note(counter)
        fate = fates.get(self.id)
        if fate is None:
            counter.connections += 1
            fate = fates[self.id] = self._strikes(counter.connections, strength)
        counter.injected += fate
        return fate

    def acts(self, now: float) -> bool:
        return self.timing.strength(now) > 0.0

    def drawn_delay_s(self) -> float:
        """The time of the decision just made, of a kind that has one."""
        if not isinstance(self.params, Delay):
            return 0.0
        drawn = delay_s(self.params, chance(self._spread_key, self.counter.eligible))
        return drawn * self.strength

    def affected(self, at: float, request_id: str, trace_id: str, where: str) -> None:
        """A request that is affected again is named once."""
        last = self.counter.last
        if last and request_id and last[-1].request_id == request_id:
            last.pop()
        last.append(Affected(at=at, request_id=request_id, trace_id=trace_id, where=where))

    def _strength(self, now: float) -> float:
        self.strength = strength = self.timing.strength(now)
        return 0.0 if self._times and self.counter.injected >= self._times else strength

    def _strikes(self, nth: int, strength: float) -> bool:
        probability = self._probability if self._ramps_time else self._probability * strength
        return probability >= 1.0 or chance(self._key, nth) < probability


class Hit:
    """A fault that strikes here and now."""

    __slots__ = ("_held", "_in_force")

    def __init__(self, held: Held, in_force: "LocalFaults") -> None:
        self._held = held
        self._in_force = in_force

    @property
    def fault(self) -> str:
        return self._held.id

    @property
    def params(self) -> object:
        """Of the type that the catalogue names for the kind (`faults.params`)."""
        return self._held.params

    @property
    def ends_at(self) -> float:
        """By the monotonic clock, as far as is known now."""
        return self._held.timing.deadline

    def delay_s(self) -> float:
        return self._held.drawn_delay_s()

    def affected(self, request_id: str, trace_id: str) -> None:
        """Name what is affected, where that is not the request that is being answered: a message, a saga."""
        self._in_force.note_affected(self._held, request_id, trace_id)

    def added(self, seconds: float) -> None:
        """It took so much longer for whoever waits for the request that is being answered."""
        if (touches := touched.current()) is not None:
            touches.add(self._held.id, seconds)


class LocalFaults:
    """What process `slot` holds. `wake` is called when there is something to tell, if nothing was before."""

    def __init__(
        self, slot: str, service: str, monotonic: Callable[[], float], now: Callable[[], float]
    ) -> None:
        self._slot = slot
        self._own = {"instance": slot, "process": slot} | ({"service": service} if service else {})
        self._monotonic = monotonic
        self._now = now
        self._held: dict[str, Held] = {}
        self._by_kind: dict[str, list[Held]] = {}
        self._counters: OrderedDict[str, Counter] = OrderedDict()
        self._untold: dict[str, Counter] = {}
        self._on_change: list[Callable[[], None]] = []
        self.revision = -1
        self.calls = False
        """Whether this process calls services."""
        self.any = False
        """Whether anything at all is armed, here or in another process."""
        self.layers: frozenset[FaultLayer] = frozenset()
        """Of all that is armed."""
        self.wake: Callable[[], None] = _nobody

    def __contains__(self, fault: str) -> bool:
        return fault in self._held

    # --- what is in force ---

    def on_change(self, call: Callable[[], None]) -> None:
        """Hear of each change of what is in force; not of a fault whose time is over, which is just not eligible."""
        self._on_change.append(call)

    def snapshot(self, snapshot: Faults) -> None:
        """Put it in force, from the next decision on. One that is held already goes on counting."""
        if snapshot.revision <= self.revision:
            return
        self.revision = snapshot.revision
        self._held = {fault.id: self._hold(fault) for fault in snapshot.items if fault.kind in KINDS}
        by_kind: dict[str, list[Held]] = {}
        for held in in_order(self._held.values()):
            by_kind.setdefault(held.kind, []).append(held)
        self._by_kind = by_kind
        self.any = bool(self._held)
        self.layers = frozenset(held.layer for held in self._held.values())
        self._forget()
        for tell in self._on_change:
            tell()

    def _hold(self, fault: ArmedFault) -> Held:
        counter = self._counters.get(fault.id)
        if counter is None:
            counter = self._counters[fault.id] = Counter(fault.id)
        return Held(fault, self._slot, counter, self._changed)

    def _forget(self) -> None:
        for fault in list(self._counters) if len(self._counters) > KEPT else ():
            if fault not in self._held and len(self._counters) > KEPT:
                del self._counters[fault]

    def of_layer(self, layer: FaultLayer) -> list[Held]:
        """Those that are carried out there, and may be in this process, in the order in which they act."""
        return in_order(
            held
            for held in self._held.values()
            if held.layer is layer and held.target.process in (None, self._slot)
        )

    # --- the seam ---

    def has(self, kind: str) -> bool:
        """Whether one of this kind is armed, for whoever has to prepare something before it can ask."""
        return kind in self._by_kind

    def ask(self, kind: str, **facts: str) -> Hit | None:
        """Whether a fault of this kind strikes here and now. `facts` tell of what (`queue`, `event`, `saga`, `step`, and
        `service`, `instance`, `process` where they are not this process's own). Counts."""
        candidates = self._by_kind.get(kind)
        if candidates is None:
            return None
        known = self._own | facts
        now = self._monotonic()
        for held in candidates:
            if matches(held.target, known) and held.decide(now):
                touches = touched.current()
                if touches is not None:
                    touches.add(held.id)
                    self.note_affected(held, touches.request_id, touches.trace_id)
                return Hit(held, self)
        return None

    def acting(self, kind: str, **facts: str) -> list[Held]:
        """Those of this kind that act now on what `facts` tell of, without a draw: for what is not done request by request."""
        candidates = self._by_kind.get(kind)
        if candidates is None:
            return []
        known = self._own | facts
        now = self._monotonic()
        return [held for held in candidates if matches(held.target, known) and held.acts(now)]

    def carried_out(self, held: Held) -> None:
        """It was done, once, as it is done to a process. Counts."""
        held.decide(self._monotonic())

    def note_affected(self, held: Held, request_id: str, trace_id: str) -> None:
        """What nobody could look up, such as a health check, is not named."""
        if not request_id and not trace_id:
            return
        if held.counter.told:
            self._changed(held.counter)
        held.affected(self._now(), request_id, trace_id, self._slot)

    def client_saw(self, touches: touched.Touches, *, failed: bool) -> None:
        """A request of a client is over. Only where clients are answered: the gateway."""
        for fault, added_s in touches.faults.items():
            counter = self._counters.get(fault)
            if counter is not None:
                counter.seen(added_s, failed=failed or fault in touches.ruined)
                if counter.told:
                    self._changed(counter)

    # --- telling ---

    def counts(self) -> list[FaultCounts]:
        """Of the faults of which something was counted since this was last asked."""
        changed, self._untold = self._untold.values(), {}
        for counter in changed:
            counter.told = True
        return [counter.counts() for counter in changed]

    def tell_again(self) -> None:
        """What was told may be lost."""
        for counter in self._counters.values():
            if counter.eligible or counter.client_requests:
                self._changed(counter)

    def _changed(self, counter: Counter) -> None:
        counter.told = False
        first = not self._untold
        self._untold[counter.fault] = counter
        if first:
            self.wake()


def _nobody() -> None: ...
