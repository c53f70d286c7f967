"""A fault proves itself: what was asked, what was injected, what clients saw; and what is not known is not zero."""

from typing import Any

import msgspec

from app.panels.faults.proof import percent, proof_of
from embedded_services.contracts.faults import Fault, FaultScope, FaultState, FaultTarget, Proof
from embedded_services.contracts.instances import Latency
from embedded_services.faults.catalogue import KINDS
from tests.helpers.fault_scene import NOW


def fault(kind: str = "abort", **changes: Any) -> Fault:
    one = Fault(
        id="f1", kind=kind, target=FaultTarget(service="order"), params={"status": 503}, probability=0.1,
        scope=FaultScope.REQUEST, seed=7, ttl=60, state=FaultState.ACTIVE, armed_at=NOW, expires_at=NOW + 60,
    )  # fmt: skip
    return msgspec.structs.replace(one, **changes)


def test_three_lines_agree_with_the_counts() -> None:
    proof = Proof(
        eligible=2713,
        injected=266,
        client_requests=266,
        client_failures=27,
        added_ms=Latency(p50=3, p99=30.2),
    )
    asked, injected, seen = proof_of(fault(proof=proof), KINDS["abort"].info)
    assert (asked.figure, asked.says) == ("10 %", "seed 7")
    assert (injected.figure, injected.says) == ("9.8 %", "266 of 2,713 tries")
    assert seen.figure == "10.2 %"
    assert seen.says == "27 of 266 requests failed, +3 ms, p99 +30 ms"
    assert seen.tone == "bad"


def test_what_nobody_met_is_not_known() -> None:
    _, injected, seen = proof_of(fault(), KINDS["abort"].info)
    assert (injected.figure, injected.share) == ("–", None)
    assert (seen.figure, seen.share) == ("–", None)


def test_what_nobody_can_count_is_said_and_not_claimed_as_well() -> None:
    proof = Proof(
        eligible=1, injected=1, client_requests=None, client_failures=None, clients_note="not counted"
    )
    seen = proof_of(fault("kill", proof=proof), KINDS["kill"].info)[2]
    assert (seen.figure, seen.share, seen.says) == ("–", None, "not counted")


def test_seen_by_all_and_failing_for_none_is_good() -> None:
    proof = Proof(eligible=10, injected=10, client_requests=10)
    assert proof_of(fault(proof=proof), KINDS["abort"].info)[2].tone == "ok"


def test_what_is_not_drawn_for_was_done_or_was_not() -> None:
    frozen = fault("freeze", target=FaultTarget(instance="payment-2"), params={}, probability=1.0)
    assert proof_of(frozen, KINDS["freeze"].info)[1].figure == "no"
    done = msgspec.structs.replace(frozen, proof=Proof(eligible=1, injected=1), detail="48214 in state T")
    line = proof_of(done, KINDS["freeze"].info)[1]
    assert (line.figure, line.says) == ("yes", "48214 in state T")


def test_a_kind_that_is_not_known_is_shown_all_the_same() -> None:
    assert proof_of(fault("solar-flare", proof=Proof(eligible=4, injected=1)), None)[1].figure == "25 %"


def test_percentages_do_not_round_to_none_or_all() -> None:
    assert [percent(share) for share in (0, 0.0001, 0.011, 0.5, 1)] == [
        "0 %",
        "< 0.1 %",
        "1.1 %",
        "50 %",
        "100 %",
    ]
