"""Faults of the HTTP edge: which of them concern a call, decided after the balancer's choice, try by try.

Retries, breakers, timeouts and hedging see what is injected as if the instance had done it. A service that no fault is aimed
at has no `Injection`, and its calls pay one look at an attribute. What a fault does to a try is `injected_try`'s.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from embedded_services.contracts.faults import FaultLayer
from embedded_services.contracts.sagas import ORCHESTRATOR
from embedded_services.faults.armed import Held, LocalFaults
from embedded_services.faults.matching import CallTest, field_reader
from embedded_services.upstream.injected_try import InjectedTry
from embedded_services.upstream.messages import UpstreamRequest, UpstreamResponse
from embedded_services.upstream.service import Service
from embedded_services.upstream.target import Target

_request_id: Final = field_reader("X-Request-ID")
_traceparent: Final = field_reader("traceparent")
_key: Final = field_reader("Idempotency-Key")
_OUTSIDE: Final = frozenset({FaultLayer.EDGE, FaultLayer.CONTROL, FaultLayer.PROCESS})
"""What is done to a service from outside, of which it knows nothing."""
_TICK_S: Final = 0.001


class Injector:
    """The edge faults that this process holds. `changed` hears when the `Injection` of each service is to be asked for anew."""

    def __init__(
        self, faults: LocalFaults, monotonic: Callable[[], float], changed: Callable[[], None]
    ) -> None:
        self._faults = faults
        self._monotonic = monotonic
        self._changed = changed
        self._held_up: dict[asyncio.Future[None], str] = {}
        self._edge: list[Held] = []
        faults.calls = True
        faults.on_change(self._renew)
        self._renew()

    def of(self, service: str) -> "Injection | None":
        """What concerns the calls of a service; None if nothing does."""
        held = [one for one in self._edge if one.target.service in (None, service)]
        return Injection(held, self) if held else None

    def hears(self, service: str) -> bool:
        """Whether answers of a service may tell of faults that it met itself, in what it does or (the orchestrator alone) in
        calls of its own."""
        layers = self._faults.layers
        return bool(layers - _OUTSIDE) or (service == ORCHESTRATOR and FaultLayer.EDGE in layers)

    def now(self) -> float:
        return self._monotonic()

    def is_in_force(self, held: Held) -> bool:
        return held.id in self._faults

    async def hold_up(self, held: Held, seconds: float) -> float:
        """Wait for so long and never less, or until the fault ends. Returns how long that was."""
        began = self._monotonic()
        until = min(began + seconds, held.timing.deadline)
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._held_up[ended] = held.id
        try:
            while not ended.done() and (left := until - self._monotonic()) > 0:
                # The loop's timers may count in whole milliseconds, and go off up to one too early.
                await asyncio.wait((ended,), timeout=max(left, _TICK_S))
        finally:
            del self._held_up[ended]
        return self._monotonic() - began

    def strikes(self, held: Held, request: UpstreamRequest) -> None:
        """Note a request that a fault was injected into."""
        headers, block, touches = request.headers, request.block, request.touches
        trace = _traceparent(headers, block)[3:35].decode("latin-1")
        who = _request_id(headers, block) or _key(headers, block)  # a step of a saga is known by its key
        known = who.decode("latin-1")
        if touches is not None:
            touches.add(held.id)
            known, trace = known or touches.request_id, trace or touches.trace_id
        self._faults.note_affected(held, known, trace)

    def _renew(self) -> None:
        self._edge = self._faults.of_layer(FaultLayer.EDGE)
        self._changed()
        for ended, fault in self._held_up.items():
            if fault not in self._faults and not ended.done():
                ended.set_result(None)


class Injection:
    """The faults that may concern the calls of one service."""

    def __init__(self, held: list[Held], injector: Injector) -> None:
        self._held = held
        self._injector = injector
        self._by_instance: dict[str, list[Held]] = {}
        self._tests: dict[str, list[CallTest | None]] = {}

    def concerns(self, instance: str, request: UpstreamRequest) -> bool:
        """Whether a fault may be injected into a try of `request` on this instance. Counts nothing."""
        tests = self._tests.get(instance)
        if tests is None:
            tests = self._tests[instance] = [held.test for held in self._aimed(instance)]
        for test in tests:
            if test is None or test(request.method, request.target, request.headers, request.block):
                return True
        return False

    async def one_try(
        self,
        service: Service,
        target: Target,
        epoch: int,
        request: UpstreamRequest,
        began: float,
        timeout_s: float,
        deadline: bytes,
        *,
        fresh: bool = False,
    ) -> UpstreamResponse:
        """What `one_try.one_try` does, with what the faults do to it."""
        held = [
            one
            for one in self._aimed(target.id)
            if one.test is None or one.test(request.method, request.target, request.headers, request.block)
        ]
        injected = InjectedTry(held, self._injector, service, target, epoch, request)
        return await injected.run(began, timeout_s, deadline, fresh=fresh)

    def blame(self, request: UpstreamRequest) -> None:
        """The call is refused because its instances are failing: for what was injected into others, if anything was."""
        if request.touches is None:
            return
        for held in self._held:
            test = held.test
            if held.counter.injected and (
                test is None or test(request.method, request.target, request.headers, request.block)
            ):
                request.touches.add(held.id)

    def _aimed(self, instance: str) -> list[Held]:
        aimed = self._by_instance.get(instance)
        if aimed is None:
            aimed = [one for one in self._held if one.target.instance in (None, instance)]
            self._by_instance[instance] = aimed
        return aimed
