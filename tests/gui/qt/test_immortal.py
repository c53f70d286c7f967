"""A window that runs for long outlives the references that its Qt binding loses."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

PROGRAM = """
from app.qt.immortal import keep_constants
keep_constants()
keep_constants()
from PySide6.QtCore import QObject, Signal
class Teller(QObject):
    told = Signal()
teller = Teller()
for _ in range(50_000):
    teller.setObjectName("x")
    teller.told.emit()
print("alive")
"""


def test_a_hundred_thousand_calls_do_not_end_the_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    assert (done.stdout, done.returncode) == ("alive\n", 0), done.stderr
