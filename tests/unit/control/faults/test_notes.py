from collections.abc import Callable
from pathlib import Path

import pytest

from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.faults import Fault, FaultScope, FaultState, FaultTarget
from embedded_services.control.faults.notes import Notes

FAULT = Fault(
    id="f_a", kind="abort", target=FaultTarget(service="order"), params={"status": 503}, probability=0.5,
    scope=FaultScope.REQUEST, seed=7, ttl=60, state=FaultState.ACTIVE, armed_at=1.0, expires_at=61.0,
)  # fmt: skip


def test_what_was_written_down_is_found_once(tmp_path: Path) -> None:
    notes = Notes(tmp_path / "faults.json")
    notes.write([FAULT])
    assert notes.take() == [FAULT]
    assert notes.take() == []


def test_nothing_in_force_leaves_no_file(tmp_path: Path) -> None:
    notes = Notes(tmp_path / "faults.json")
    notes.write([FAULT])
    notes.write([])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damaged", [b"", b"[", b'[{"id": 3}]', b"\xff", b"[" * 100_000])
def test_a_damaged_file_is_passed_over_and_taken_away(
    tmp_path: Path, damaged: bytes, expect_log: Callable[[str], None]
) -> None:
    expect_log("cannot be read")
    path = tmp_path / "faults.json"
    path.write_bytes(damaged)
    assert Notes(path).take() == []
    assert not path.exists()


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(ApiError, match="cannot write"):
        Notes(tmp_path / "nowhere" / "faults.json").write([FAULT])
