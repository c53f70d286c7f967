"""The guards of conftest.py do fail what they should: each example below is run as a test of its own session."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

EXAMPLES = """
import asyncio, logging, multiprocessing, subprocess, sys
from tests.conftest import *

log = logging.getLogger("embedded_services.example")

def test_silent(): log.info("fine")
def test_warns(): log.warning("disk is slow")
def test_warns_as_expected(expect_log): expect_log("disk .* slow"); log.warning("disk is slow")
def test_does_not_warn_as_expected(expect_log): expect_log("disk")
def test_may_warn(allow_log): allow_log("disk")
def test_other_library_warns(): logging.getLogger("elsewhere").warning("not ours")

async def test_ends_its_tasks():
    await asyncio.create_task(asyncio.sleep(0))
async def test_task_about_to_end():
    asyncio.create_task(asyncio.sleep(0.01))
async def test_leaks_a_task():
    asyncio.create_task(asyncio.sleep(60), name="left behind")

def test_leaks_a_process():
    global process
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
"""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("examples")
    (folder / "test_examples.py").write_text(EXAMPLES)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-rA",
        "-p",
        "no:cacheprovider",
        "-o",
        "asyncio_mode=auto",
        ".",
    ]
    command += ["-o", "asyncio_default_fixture_loop_scope=function", "--import-mode=importlib"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.stdout


@pytest.mark.parametrize(
    "name",
    ["test_warns", "test_does_not_warn_as_expected", "test_leaks_a_task"],
)
def test_guard_fails_the_test(outcome: str, name: str) -> None:
    assert f"ERROR test_examples.py::{name} " in outcome


@pytest.mark.parametrize(
    "name",
    [
        "test_silent",
        "test_warns_as_expected",
        "test_may_warn",
        "test_other_library_warns",
        "test_ends_its_tasks",
        "test_task_about_to_end",
    ],
)
def test_guard_leaves_the_test_alone(outcome: str, name: str) -> None:
    assert f"ERROR test_examples.py::{name}" not in outcome
    assert f"PASSED test_examples.py::{name}" in outcome


def test_guard_fails_the_session_that_leaves_a_process(outcome: str) -> None:
    assert "processes left running" in outcome
    assert "10 passed, 4 errors" in outcome
