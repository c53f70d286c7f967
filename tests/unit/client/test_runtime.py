from pathlib import Path

import msgspec
import pytest

from embedded_services.client.errors import NoRuntimeError
from embedded_services.client.runtime import read_runtime
from embedded_services.contracts.runtime import OwnProcess, Runtime

RUNTIME = Runtime(
    ready=True,
    version="1",
    gateway="http://127.0.0.1:3000",
    control="http://127.0.0.1:4000",
    token="t",
    broker=None,
    workspace="/w",
    pid=12,
    started_at=1.5,
    processes=[OwnProcess(name="gateway", pid=13, started_at=2.5)],
)


def test_running_system_is_found_by_its_workspace(tmp_path: Path) -> None:
    (tmp_path / "runtime.json").write_bytes(msgspec.json.encode(RUNTIME))
    assert read_runtime(tmp_path) == RUNTIME


def test_times_and_names_are_camel_case_on_disk() -> None:
    written = msgspec.to_builtins(RUNTIME)
    assert written["startedAt"] == 1.5
    assert written["processes"] == [{"name": "gateway", "pid": 13, "startedAt": 2.5}]


def test_workspace_that_nothing_serves_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoRuntimeError, match="no system runs on"):
        read_runtime(tmp_path / "never made")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"ready": "yes"}', b"\xff\xfe", b'{"x":' + b"[" * 100_000, b" " * (1 << 20) + b"{}"],
)
def test_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "runtime.json").write_bytes(content)
    with pytest.raises(NoRuntimeError, match=r"runtime\.json is damaged"):
        read_runtime(tmp_path)


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "runtime.json").mkdir()
    with pytest.raises(NoRuntimeError, match=r"cannot read .*runtime\.json"):
        read_runtime(tmp_path)
