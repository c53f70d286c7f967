"""Importing does nothing: no thread, process, socket, signal handler, log handler or changed environment.

Children are forked from an image with everything imported, so whatever an import did, all of them would share.
"""

import json
import subprocess
import sys

from tests.helpers.sources import ROOT, sources

PRELOAD = "embedded_services.control.preload"
"""Its very purpose is to have effects on the forkserver that imports it."""

LOOK = """
import asyncio, importlib, json, logging, os, signal, socket, sys, threading
import psutil, multiprocessing

def state():
    process = psutil.Process()
    return {
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "processes": [child.pid for child in process.children()],
        "sockets": len([f for f in os.listdir("/proc/self/fd") if is_socket(f)]) if os.path.isdir("/proc/self/fd") else 0,
        "signals": [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)],
        "log handlers": len(logging.getLogger().handlers),
        "environment": dict(os.environ),
        "folder": os.getcwd(),
    }

def is_socket(descriptor):
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:")
    except OSError:
        return False

effects = {}
before = state()
for name in json.loads(sys.stdin.read()):
    importlib.import_module(name)
    after = state()
    changed = [key for key in after if after[key] != before[key]]
    if changed:
        effects[name] = changed
    before = after
json.dump(effects, sys.stdout)
"""


def effects_of(modules: list[str]) -> dict[str, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", LOOK],
        input=json.dumps(modules),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def test_importing_a_module_has_no_effects() -> None:
    modules = [source.module for source in sources("embedded_services") if source.module != PRELOAD]
    assert effects_of(modules) == {}


def test_check_sees_effects() -> None:
    name = "tests.architecture.example_with_effects"
    assert effects_of([name]) == {name: ["threads", "processes", "sockets", "log handlers", "environment"]}
