"""The write gate, with threads and without a database."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from embedded_services.services.kit.gate import HOLD_S, WriteGate


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=4) as pool:
        yield pool


@pytest.fixture
def gate() -> WriteGate:
    return WriteGate(time.monotonic)


def test_nothing_starts_while_the_gate_is_held(gate: WriteGate, pool: ThreadPoolExecutor) -> None:
    gate.hold()
    entered = pool.submit(gate.enter)
    with pytest.raises(TimeoutError):
        entered.result(HOLD_S / 5)
    gate.release()
    entered.result(1)


def test_holding_waits_for_the_transaction_under_way(gate: WriteGate, pool: ThreadPoolExecutor) -> None:
    gate.enter()
    holding = pool.submit(gate.hold)
    with pytest.raises(TimeoutError):
        holding.result(HOLD_S / 5)
    gate.leave()
    holding.result(1)


def test_a_transaction_that_goes_on_too_long_is_said_and_opens_the_gate(gate: WriteGate) -> None:
    gate.enter()
    with pytest.raises(TimeoutError, match="did not end"):
        gate.hold()
    gate.leave()
    started = time.monotonic()
    gate.enter()
    assert time.monotonic() - started < HOLD_S


def test_the_gate_opens_by_itself(gate: WriteGate) -> None:
    started = time.monotonic()
    gate.hold()
    gate.enter()
    assert HOLD_S <= time.monotonic() - started < 4 * HOLD_S


def test_a_process_thawed_later_finds_the_gate_open() -> None:
    now = 100.0
    gate = WriteGate(lambda: now)
    gate.hold()
    now += 3600
    gate.enter()  # would wait for ever, as this clock stands still
