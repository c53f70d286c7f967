"""Children as the control plane starts them: what they are born with, and how their end is told."""

import json
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from embedded_services.common import platform
from tests.helpers.sources import ROOT

pytestmark = pytest.mark.skipif(platform.WINDOWS, reason="there is no fork")


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """From another folder than the checkout, as for a user who installed it: the forkserver must find it anyway."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.helpers.launched"],
        capture_output=True, timeout=50, check=False, env=environment, cwd=tmp_path_factory.mktemp("elsewhere"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    return json.loads(done.stdout)


def test_everything_that_a_child_may_run_is_loaded_before_it_is_born(launched: Any) -> None:
    """The forkserver swallows the ImportError of a preload: then all would still work, five times as slowly."""
    child = launched["child"]
    assert child["preloaded"]
    assert child["missing"] == []
    assert {
        "embedded_services.agent.child", "embedded_services.broker.process", "embedded_services.gateway.process",
        "embedded_services.sagas.process",
        "embedded_services.traffic.process",
        *(f"embedded_services.services.{kind}.process" for kind in services()),
    } == set(child["wanted"])  # fmt: skip
    assert child["libraries"] == ["aio_pika", "aiohttp", "aiosmtplib", "argon2", "jinja2", "sqlalchemy"]


def services() -> list[str]:
    folder = ROOT / "embedded_services" / "services"
    return [path.name for path in folder.iterdir() if (path / "process.py").exists() and path.name != "kit"]


def test_child_is_in_another_session_than_the_control_plane(launched: Any) -> None:
    """So that Ctrl-C and a signal to the group reach the control plane only."""
    assert launched["child"]["session"] != launched["session"]
    assert launched["child"]["parent"] == launched["child"]["session"], "the forkserver leads the session"


@pytest.mark.skipif(not platform.LINUX, reason="elsewhere a thread watches the owner")
def test_child_asks_the_kernel_to_die_with_its_parent(launched: Any) -> None:
    assert launched["child"]["deathSignal"] == signal.SIGKILL


def test_what_was_loaded_is_not_looked_at_by_the_collector(launched: Any) -> None:
    assert launched["child"]["frozenObjects"] > 10_000


def test_every_end_is_told_once_with_its_code(launched: Any) -> None:
    assert launched["wasRunning"]
    assert launched["codes"] == [0, 7, -signal.SIGKILL, -signal.SIGKILL]
    assert launched["running"] == [False] * 4
    assert launched["exits"]


def test_pid_is_never_used_after_its_process_ended(launched: Any) -> None:
    assert launched["signalledAfterItsEnd"] == []
