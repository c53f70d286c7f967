"""One moment of a small shop as the stream tells it, and a port in front of it: for tests of the Gateway panel.

It is the moment of the design's picture: 120 requests a second, payment-2 frozen and its breaker open, retries to order.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from app.core.feed import Feed
from app.core.messages import NotConnectedError
from embedded_services.client.errors import ControlError
from embedded_services.client.stream_client import Connection
from embedded_services.contracts.gateway import (
    Attempt,
    Breaker,
    BreakerState,
    Candidate,
    GatewayTotals,
    Pick,
    RetryBudget,
    Route,
    Target,
    Upstream,
)
from embedded_services.contracts.instances import Instance, Latency, Status
from embedded_services.contracts.settings import ServicePatch, Settings, SettingsState, Strategy
from embedded_services.contracts.stream import Delta, Events, Snapshot
from embedded_services.contracts.system import Process, RequestRecord, Service
from embedded_services.contracts.traces import Span, Trace
from tests.helpers.clock import FakeClock

NOW = 1_700_000_000.0
NAMES = ("user", "order", "payment", "notification")
_STRATEGIES = {
    "user": Strategy.LEAST_CONNECTIONS,
    "order": Strategy.ROUND_ROBIN,
    "payment": Strategy.ROUND_ROBIN,
    "notification": Strategy.POWER_OF_TWO,
}
_SHARES = {
    "user-1": 0.504, "user-2": 0.496, "order-1": 0.499, "order-2": 0.501, "payment-1": 1.0,
    "notification-1": 0.503, "notification-2": 0.497,
}  # fmt: skip
_RATES = {"user": 27.4, "order": 64.7, "payment": 18.0, "notification": 15.3}


def settings(**services: Any) -> Settings:
    """The demo shop's; `services` replace fields of a service's settings."""
    text = (Path(__file__).parents[4] / "resources/workspaces/demo-shop.json").read_bytes()
    plain = msgspec.json.decode(text, type=Settings)
    changed = {
        name: msgspec.structs.replace(one, **{"strategy": _STRATEGIES[name]} | services.get(name, {}))
        for name, one in plain.services.items()
    }
    return msgspec.structs.replace(plain, services=changed)


def instance(identity: str, **changes: Any) -> Instance:
    plain = Instance(
        id=identity, incarnation=1, service=identity.rpartition("-")[0], host="127.0.0.1", port=3001, pid=48201,
        external=False, weight=1, status=Status.HEALTHY, in_rotation=True, since=NOW - 360, reason="passing its checks",
        in_flight=0, requests=0, failures=0, latency_ms=Latency(), last_check=None, registered_at=NOW - 363,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


def instances() -> list[Instance]:
    frozen = {"status": Status.FROZEN, "in_rotation": False, "reason": "frozen; 3 checks in a row failed"}
    return [
        instance(f"{name}-{number}", **(frozen if (name, number) == ("payment", 2) else {}))
        for name in NAMES
        for number in (1, 2)
    ]


def closed(failed: int = 0, calls: int = 120) -> Breaker:
    return Breaker(state=BreakerState.CLOSED, since=NOW - 300, calls=calls, failed=failed)


def target(identity: str, **changes: Any) -> Target:
    plain = Target(
        id=identity, incarnation=1, weight=1, in_flight=1, picks=4494, rate=0.0, share=_SHARES.get(identity),
        expected=0.5, load=None, latency_ms=Latency(p50=5.4, p99=18.2), eligible=True, breaker=closed(),
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


def upstream(name: str, targets: Sequence[Target], **changes: Any) -> Upstream:
    plain = Upstream(
        service=name, strategy=_STRATEGIES[name], hash_key="ip", targets=list(targets), reason="", rate=_RATES[name],
        calls=9000, failures=0, fairness=1.0, retries=0, hedges=0, hedges_won=0, queued=0, panic=False,
        budget=RetryBudget(calls=274, used=0, allowed=155, refused=0),
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


def upstreams() -> list[Upstream]:
    broken = Breaker(
        state=BreakerState.OPEN,
        since=NOW - 4.3,
        calls=3,
        failed=3,
        until=NOW + 0.7,
        why="3 of 3 calls failed",
    )
    both = {
        name: [target(f"{name}-{number}", rate=_RATES[name] / 2) for number in (1, 2)]
        for name in ("user", "order", "notification")
    }
    both["order"] = [
        msgspec.structs.replace(one, breaker=closed(failed, 320))
        for one, failed in zip(both["order"], (31, 30), strict=True)
    ]
    payment = [
        target("payment-1", expected=1.0, rate=18.0),
        target(
            "payment-2", expected=0.0, share=0.0, eligible=False, breaker=broken, why="its breaker is open"
        ),
    ]
    return [
        upstream("user", both["user"]),
        upstream(
            "order", both["order"], retries=239, failures=27,
            budget=RetryBudget(calls=647, used=31, allowed=229, refused=0),
        ),
        upstream("payment", payment, budget=RetryBudget(calls=180, used=3, allowed=136, refused=0)),
        upstream("notification", both["notification"]),
    ]  # fmt: skip


def totals(**changes: Any) -> GatewayTotals:
    routes = [
        Route(
            prefix=prefix, service=service, requests=count, rate=rate, latency_ms=Latency(p50=p50, p99=p99),
            statuses=statuses,
        )
        for prefix, service, count, rate, p50, p99, statuses in (
            ("/api/auth/login", "user", 1204, 3.4, 18.7, 26.0, {"2xx": 1190, "4xx": 14}),
            ("/api/users", "user", 3290, 9.9, 3.1, 11.6, {"2xx": 3290}),
            ("/api/orders", "order", 9779, 32.3, 5.4, 28.1, {"2xx": 9652, "4xx": 100, "5xx": 27}),
            ("/api/products", "order", 9779, 32.4, 5.2, 18.0, {"2xx": 9779}),
            ("/api/payments", "payment", 5907, 18.0, 8.1, 24.6, {"2xx": 5904, "499": 3}),
            ("/api/notifications", "notification", 5018, 15.3, 2.8, 9.4, {"2xx": 5018}),
            ("/api/dashboard", None, 620, 2.1, 12.3, 31.0, {"2xx": 620}),
        )
    ]  # fmt: skip
    plain = GatewayTotals(
        requests=39_228, rate=119.6, error_rate=0.005, in_flight=3, connections=12,
        latency_ms=Latency(p50=6.2, p99=26.0), sampled=20_000, settings_revision=7, routes=routes,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


def attempt(instance: str, reason: str = "turn", outcome: str = "200", **changes: Any) -> Attempt:
    service = instance.rpartition("-")[0]
    plain = Attempt(
        instance=instance, reason=reason, why=f"{instance} is next", outcome=outcome, at_ms=0.6, took_ms=4.2,
        candidates=[Candidate(id=f"{service}-{number}", in_flight=number - 1) for number in (1, 2)],
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


def pick(instance: str, at: float = NOW, **changes: Any) -> Pick:
    chosen = changes.pop("chosen", None) or attempt(instance, **changes)
    service = instance.rpartition("-")[0]
    strategy = _STRATEGIES.get(service, Strategy.ROUND_ROBIN)
    return Pick(
        at=at, service=service, strategy=strategy, attempt=1, chosen=chosen, request="req-1", trace="t" * 32
    )


def record(number: int = 1, **changes: Any) -> RequestRecord:
    plain = RequestRecord(
        id=f"9c41d7e2{number:04}", at=NOW + number / 1000, method="GET", path="/api/orders", status=200, took_ms=5.2,
        route="/api/orders", service="order", instance="order-1", tries=1, user="usr_demo", client="127.0.0.1",
        trace=f"{number:032x}",
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


def retried(number: int = 2, **changes: Any) -> RequestRecord:
    """A request that failed at order-1 and was answered by order-2."""
    attempts = [
        attempt("order-1", outcome="503", took_ms=0.4),
        attempt(
            "order-2", reason="retry", outcome="201", at_ms=22.4, took_ms=8.6, waited_ms=20.8,
            candidates=[Candidate(id="order-1", in_flight=1, out="tried already"), Candidate(id="order-2", in_flight=0)],
            why="retry: not order-1 again",
        ),
    ]  # fmt: skip
    plain = {
        "method": "POST", "status": 201, "took_ms": 31.4, "instance": "order-2", "tries": 2, "attempts": attempts,
        "sampled": True,
    }  # fmt: skip
    return record(number, **plain | changes)


def trace_of(row: RequestRecord) -> Trace:
    """Spans of the gateway and of order-2."""
    spans = [
        ("gateway", "POST /api/orders", None, 0.0, 31.4, True),
        ("gateway", "token", "1", 0.2, 0.3, True),
        ("gateway", "limit", "1", 0.6, 0.1, True),
        ("gateway", "try 1 order-1", "1", 0.8, 0.4, False),
        ("gateway", "wait", "1", 1.2, 20.8, True),
        ("gateway", "try 2 order-2", "1", 22.4, 7.5, True),
        ("order-2", "orders.db", "6", 23.6, 3.2, True),
        ("order-2", "outbox", "6", 27.0, 1.8, True),
    ]
    return Trace(
        id=row.trace,
        spans=[
            Span(
                trace=row.trace, span=str(number), parent=parent, process=process, name=name, at=row.at + start / 1000,
                took_ms=took, ok=ok, attributes={} if ok else {"status": "503"},
            )
            for number, (process, name, parent, start, took, ok) in enumerate(spans, 1)
        ],
    )  # fmt: skip


class FakeControl:
    """Writes down what it is asked. `refusal` is raised by the next call; a trace that it does not know is a 404."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.refusal: Exception | None = None
        self.traces: dict[str, Trace] = {}
        self.state = SettingsState(revision=7, settings=settings())

    def _take(self, *asked: Any) -> None:
        self.asked.append(asked)
        refusal, self.refusal = self.refusal, None
        if refusal is not None:
            raise refusal

    async def patch_service(self, name: str, patch: ServicePatch) -> Service:
        self._take("strategy", name, patch.strategy)
        return Service(
            name=name, kind=name, replicas=2, strategy=patch.strategy or Strategy.RANDOM, instances=[], in_rotation=2,
            reason="",
        )  # fmt: skip

    async def patch_settings(
        self, patch: Mapping[str, Any], *, if_revision: int | None = None
    ) -> SettingsState:
        self._take("settings", patch, if_revision)
        return self.state

    async def trace(self, identity: str) -> Trace:
        self._take("trace", identity)
        if identity not in self.traces:
            raise ControlError("NOT_FOUND", "no such trace", 404)
        return self.traces[identity]


class FakePort:
    """A feed that tests fill by hand, and a control plane that does nothing."""

    gateway: str | None = "http://127.0.0.1:3000"
    workspace = Path("/nowhere")

    def __init__(self) -> None:
        self.clock = FakeClock(NOW)
        self.feed = Feed(self.clock)
        self.client: FakeControl | None = FakeControl()
        self._rev = 0
        self._seqs: dict[str, int] = {}

    def control(self) -> Any:
        if self.client is None:
            raise NotConnectedError
        return self.client

    def lose(self) -> None:
        self.feed.connection_changed(Connection(False, NOW, "the control plane fell silent"))

    def open(self) -> None:
        """The whole moment, over a connection that works."""
        self._rev += 1
        self.feed.connection_changed(Connection(True, NOW))
        process = Process(
            name="gateway", role="gateway", pid=1, status="healthy", reason="", since=NOW - 328, incarnation=1,
            port=3000, restarts=0, started_at=NOW - 328,
        )  # fmt: skip
        state = {
            "settings": {"settings": SettingsState(revision=7, settings=settings())},
            "instances": {row.id: row for row in instances()},
            "processes": {"gateway": process},
            "upstreams": {row.service: row for row in upstreams()},
            "gateway": {"gateway": totals()},
        }
        self.feed.take(Snapshot(rev=self._rev, state=msgspec.to_builtins(state)))

    def tell(self, topic: str, **rows: Any) -> None:
        """Rows of a topic, by key (`_` for `-`)."""
        self._rev += 1
        told = {key.replace("_", "-"): msgspec.to_builtins(row) for key, row in rows.items()}
        self.feed.take(Delta(rev=self._rev, set={topic: told}))

    def tell_settings(self, changed: Settings, revision: int) -> None:
        state = SettingsState(revision=revision, settings=changed)
        if self.client is not None:
            self.client.state = state
        self.tell("settings", settings=state)

    def happen(self, topic: str, items: Sequence[Any], *, skipped: int = 0) -> None:
        """Events, of which `skipped` did not make it."""
        before = self._seqs.get(topic, 0)
        self._seqs[topic] = after = before + skipped + len(items)
        told = [msgspec.to_builtins(item) for item in items]
        self.feed.take(Events(topic=topic, from_seq=before + 1, to_seq=after, items=told, skipped=skipped))
