"""The Qt binding in use counts references right: 6.12.0 did not, and ended a window after some thousand calls."""

import subprocess
import sys

PROGRAM = """
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
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.returncode) == ("alive\n", 0), done.stderr
