"""What callers tell: failed calls, retries, decisions, who is picked and what clients saw, causes before effects."""

from msgspec.structs import replace

from embedded_services.contracts.agent import Beat, CallStats
from embedded_services.contracts.gateway import (
    Attempt,
    Breaker,
    BreakerState,
    Decision,
    DecisionKind,
    GatewayTotals,
    LimitTotals,
    RetryBudget,
    Route,
    Target,
    Upstream,
)
from embedded_services.contracts.instances import Latency
from embedded_services.contracts.settings import Strategy
from embedded_services.contracts.system import RequestRecord
from embedded_services.contracts.timeline import TimelineKind as Kind
from embedded_services.control.timeline.facts import Fact
from embedded_services.control.timeline.sources.calls import CallFacts

RECORD = RequestRecord(
    id="r", at=0.0, method="GET", path="/api/payments", status=200, took_ms=1.0, route="/api/payments",
    service="payment", instance="payment-1", tries=2, user=None, client="127.0.0.1", trace="t-1",
    attempts=[
        Attempt(instance="payment-2", reason="turn", why="", outcome="did not answer in time", at_ms=0, took_ms=1000),
        Attempt(instance="payment-1", reason="retry", why="", outcome="200", at_ms=1000, took_ms=1),
    ],
)  # fmt: skip


def calls(failures: int) -> CallStats:
    return CallStats(incarnation=1, in_flight=0, requests=100, failures=failures, latency_ms=Latency())


def upstream(*eligible: str, retries: int = 0, used: int = 0, rate: float = 9.0) -> Upstream:
    targets = [
        Target(
            id=name, incarnation=1, weight=1, in_flight=0, picks=0, rate=0.0, share=None, expected=None, load=None,
            latency_ms=Latency(), eligible=name in eligible, breaker=Breaker(state=BreakerState.CLOSED, since=0.0, calls=0, failed=0),
        )
        for name in ("payment-1", "payment-2")
    ]  # fmt: skip
    return Upstream(
        service="payment", strategy=Strategy.ROUND_ROBIN, hash_key="ip", targets=targets, reason="", rate=rate, calls=100,
        failures=0, fairness=None, retries=retries, hedges=0, hedges_won=0, queued=0, panic=False,
        budget=RetryBudget(calls=100, used=used, allowed=20, refused=0),
    )  # fmt: skip


def gateway(errors: int) -> GatewayTotals:
    route = Route(
        prefix="/api/payments",
        service="payment",
        requests=9,
        rate=1.0,
        latency_ms=Latency(),
        statuses={"5xx": errors},
    )
    return GatewayTotals(
        requests=9, rate=1.0, error_rate=0.0, in_flight=0, connections=1, latency_ms=Latency(), sampled=0,
        settings_revision=1, routes=[route],
    )  # fmt: skip


class Source:
    def __init__(self) -> None:
        self._facts = CallFacts(lambda instance: instance.rpartition("-")[0])
        self.now = 10.0

    def told(self, beat: Beat, *, incarnation: int = 1, caller: str = "gateway") -> list[Fact]:
        self.now += 0.25
        return list(self._facts.told(caller, incarnation, beat, 0.0, self.now))


def test_failed_calls_are_one_entry_that_counts_up() -> None:
    source = Source()
    first = source.told(Beat(calls={"payment-2": calls(2)}))
    second = source.told(Beat(calls={"payment-2": calls(7)}))
    assert [(fact.kind, fact.count) for fact in (*first, *second)] == [
        (Kind.CALLS_FAILED, 2),
        (Kind.CALLS_FAILED, 7),
    ]
    assert first[0].key == second[0].key
    assert source.told(Beat(calls={"payment-2": calls(7)})) == []


def test_calls_without_a_reply_in_time_are_timeouts_and_name_their_requests() -> None:
    [fact] = Source().told(Beat(calls={"payment-2": calls(3)}, requests=[RECORD]))
    assert (fact.word, fact.traces) == ("timeouts", ("t-1",))
    assert fact.subject.service == "payment"


def test_a_caller_that_starts_again_counts_from_zero() -> None:
    source = Source()
    source.told(Beat(calls={"payment-2": calls(5)}))
    [fact] = source.told(Beat(calls={"payment-2": calls(2)}), incarnation=2)
    assert fact.count == 7


def test_few_retries_are_no_news_and_many_are_a_storm() -> None:
    source = Source()
    assert source.told(Beat(upstreams=[upstream("payment-1", retries=2)])) == []
    [some] = source.told(Beat(upstreams=[upstream("payment-1", retries=9)]))
    [storm] = source.told(Beat(upstreams=[upstream("payment-1", retries=60, used=40)]))
    assert (some.word, storm.word) == ("retries", "storm")
    [less] = source.told(Beat(upstreams=[upstream("payment-1", retries=70, used=22)]))
    assert less.word == "storm", "it is over only when clearly fewer are repeated"


def test_causes_of_one_beat_come_before_their_effects() -> None:
    source = Source()
    source.told(Beat(upstreams=[upstream("payment-1", "payment-2")]))
    opened = Decision(
        at=0.0, kind=DecisionKind.BREAKER_OPENED, service="payment", instance="payment-2", why="3 of 3"
    )
    facts = source.told(
        Beat(
            calls={"payment-2": calls(3)},
            upstreams=[upstream("payment-1", retries=3)],
            decisions=[opened],
            gateway=gateway(3),
        )
    )
    assert [fact.kind for fact in facts] == [
        Kind.CALLS_FAILED,
        Kind.RETRIES,
        Kind.BREAKER_OPENED,
        Kind.PICKS_MOVED,
        Kind.ERROR_BURST,
    ]


def test_picks_that_move_and_come_back_are_told_with_who_has_them() -> None:
    source = Source()
    assert source.told(Beat(upstreams=[upstream("payment-1")])) == [], "that is how it begins"
    assert source.told(Beat(upstreams=[upstream("payment-1", "payment-2")])) == [], "nobody had lost them"
    [moved] = source.told(Beat(upstreams=[upstream("payment-1")]))
    [nobody] = source.told(Beat(upstreams=[upstream()]))
    [back] = source.told(Beat(upstreams=[upstream("payment-1", "payment-2")]))
    assert [fact.word for fact in (moved, nobody, back)] == ["payment-1", "", "payment-1, payment-2"]
    assert Kind.BREAKER_OPENED in moved.among
    assert Kind.BREAKER_CLOSED in back.among


def test_nothing_moves_where_nobody_asks() -> None:
    source = Source()
    source.told(Beat(upstreams=[upstream("payment-1", "payment-2", rate=0.0)]))
    assert source.told(Beat(upstreams=[upstream("payment-1", rate=0.0)])) == []


def test_a_burst_of_429_is_one_entry_with_its_requests() -> None:
    source = Source()
    limits = LimitTotals(allowed=1, limited=20, allowed_rate=0, limited_rate=0, clients=1, forgotten=0)
    [fact] = source.told(Beat(limits=limits, requests=[replace(RECORD, status=429, attempts=[])]))
    assert (fact.kind, fact.count, fact.traces) == (Kind.LIMITED_BURST, 20, ("t-1",))


def test_another_strategy_that_the_gateway_took_is_told_by_the_settings_alone() -> None:
    told = Decision(at=0.0, kind=DecisionKind.STRATEGY, service="payment", instance=None, why="random")
    assert Source().told(Beat(decisions=[told])) == []
