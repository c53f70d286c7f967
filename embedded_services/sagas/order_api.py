"""Placing orders, as the gateway's clients ask for it: each is a saga.

Whoever orders hears at once what is wrong with the order, or that there is too little in stock; else that the order is
taken on (202), unless they would rather wait for what becomes of it (`?wait=` seconds).
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from embedded_services.bus.outbox import current_trace
from embedded_services.contracts.errors import STATUS_OF, ApiError, ErrorDetail
from embedded_services.contracts.sagas import SagaState
from embedded_services.contracts.validation import invalid
from embedded_services.contracts.wire import Message, Request
from embedded_services.sagas.api import failed_step, request_of
from embedded_services.sagas.definition import HttpCall
from embedded_services.sagas.orchestrator import Orchestrator, origin_of
from embedded_services.sagas.order_processing import MAX_LINES, NAME, Item
from embedded_services.sagas.participants import Done, HttpParticipants, No
from embedded_services.sagas.run import Run
from embedded_services.services.kit.endpoints import Answer, Ask, Caller, Endpoint, Endpoints, Nothing, answer
from embedded_services.services.kit.idempotency import REPLAYED

MOST_WAIT_S: Final = 30.0
AT_ONCE_S: Final = 1.0
"""How long an order that is taken on may wait for what can be said at once."""
CART_S: Final = 2.0
RESERVED: Final = "reserve-inventory"


class NewOrder(Request, frozen=True):
    items: Annotated[list[Item], Meta(max_length=MAX_LINES)]


class Placed(Message, frozen=True):
    id: str
    saga_id: str
    status: str


class OrderApi:
    def __init__(self, orchestrator: Orchestrator, services: HttpParticipants) -> None:
        self._orchestrator = orchestrator
        self._services = services
        self._checking_out: set[str] = set()

    @property
    def endpoints(self) -> Endpoints:
        return [
            Endpoint("POST", "/orders", self.place, NewOrder, reads_query=True),
            Endpoint("POST", "/cart/checkout", self.check_out, Nothing, reads_query=True),
        ]

    async def place(self, ask: Ask[NewOrder]) -> Answer:
        """202 `{id, sagaId, status}`; 201 with the order if it was waited for. Honours Idempotency-Key. Raises ApiError, CONFLICT
        with what made the saga fail."""
        wait_s = _wait_of(ask.query)
        request = request_of(ask, ask.input)
        replayed = request is not None and self._orchestrator.knows(request[0])
        items = [msgspec.to_builtins(item) for item in ask.input.items]
        run = await self._start(ask.caller, items, request)
        return await self._answer(run, wait_s, ask.path, replayed=replayed)

    async def check_out(self, ask: Ask[Nothing]) -> Answer:
        """Orders what is in the caller's cart, and empties it once the order is taken on. Answers like placing an order."""
        wait_s = _wait_of(ask.query)
        user = ask.caller.id
        request = request_of(ask, None)
        if request is not None and self._orchestrator.knows(request[0]):
            run = await self._start(ask.caller, [], request)
            return await self._answer(run, wait_s, ask.path, replayed=True)
        if user in self._checking_out:
            raise ApiError("CONFLICT", "This cart is being checked out")
        self._checking_out.add(user)
        try:
            cart = await self._cart("GET", ask.caller)
            items = [{"productId": line["productId"], "quantity": line["quantity"]} for line in cart["items"]]
            run = await self._start(ask.caller, items, request)
            given = await self._answer(run, None, ask.path, replayed=False)
            await self._cart("DELETE", ask.caller)
        finally:
            self._checking_out.discard(user)
        return given if wait_s is None else await self._answer(run, wait_s, ask.path, replayed=False)

    async def _start(
        self, caller: Caller, items: list[dict[str, Any]], request: tuple[str, bytes] | None
    ) -> Run:
        data = {"userId": caller.id, "items": items}
        return await self._orchestrator.start(NAME, data, origin_of(current_trace.get()), request=request)

    async def _answer(self, run: Run, wait_s: float | None, asked: str, *, replayed: bool) -> Answer:
        if wait_s is None:
            run = await self._orchestrator.wait_past(run.id, RESERVED, AT_ONCE_S)
            if run.state is SagaState.COMPENSATING:
                run = await self._orchestrator.wait(run.id, AT_ONCE_S)
        else:
            run = await self._orchestrator.wait(run.id, wait_s)
        if run.state not in (SagaState.RUNNING, SagaState.COMPLETED):
            raise _failure(run)
        order_id = str(run.data["orderId"])
        order = run.data.get("order")
        if wait_s is not None and run.state is SagaState.COMPLETED and order is not None:
            given = answer(order, 201, location=f"/orders/{order_id}", asked=asked)
        else:
            status = "pending" if order is None else str(order["status"])
            placed = Placed(id=order_id, saga_id=run.id, status=status)
            given = answer(placed, 202, location=f"/orders/{order_id}", asked=asked)
        return Answer(given.status, given.content, given.headers | ({REPLAYED: "true"} if replayed else {}))

    async def _cart(self, method: str, caller: Caller) -> Mapping[str, Any]:
        """Raises ApiError, SERVICE_UNAVAILABLE when the cart cannot be had."""
        identity = ((b"X-User-ID", caller.id.encode()), (b"X-User-Role", caller.role.value.encode()))
        given = await self._services.call_as(identity, "order", HttpCall(method, "/cart"), CART_S)
        match given:
            case Done(output):
                return output
            case No(error):
                raise ApiError("CONFLICT", error)
            case _:
                raise ApiError("SERVICE_UNAVAILABLE", "The cart cannot be reached", retry_after=1)


def _wait_of(query: Mapping[str, str]) -> float | None:
    given = query.get("wait")
    if given is None:
        return None
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MOST_WAIT_S:
        raise invalid("wait", f"must be from 0 to {MOST_WAIT_S:g}", bound=MOST_WAIT_S, unit="s")
    return seconds


def _failure(run: Run) -> ApiError:
    """What made the saga fail, as the service that refused it said, with its own code where that is the client's business."""
    index = failed_step(run)
    refusal = None if index is None else run.steps[index].refusal
    if refusal is None:
        return ApiError("CONFLICT", run.failure)
    code = str(refusal.get("code"))
    if code not in STATUS_OF or code not in ("VALIDATION_FAILED", "CONFLICT"):
        code = "CONFLICT"
    try:
        details = msgspec.convert(refusal.get("details"), list[ErrorDetail] | None)
    except msgspec.ValidationError:
        details = None
    return ApiError(code, run.failure, details=details)
