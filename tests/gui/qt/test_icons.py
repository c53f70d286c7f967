"""Icons survive what Qt does with them. In a process of its own: what goes wrong here does not raise, it crashes."""

import subprocess
import sys

from tests.helpers.system import ROOT

CHANGED_COPIES = """
import gc
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication, QPushButton
from app.qt.theme import Theme, theme

app = QApplication([])
Theme.install(app, "dark")
button = QPushButton("Start")
button.show()
for turn in range(300):
    icon = theme().icon("start", "text")
    copy = QIcon(icon)
    copy.addPixmap(icon.pixmap(16, 16))  # Qt asks the engine for a copy of itself
    button.setIcon(copy)
    app.processEvents()
    gc.collect(0)
"""


def test_an_icon_that_qt_copies_lives_as_long_as_the_copy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHANGED_COPIES], cwd=ROOT, capture_output=True, timeout=60, check=False,
        env={"QT_QPA_PLATFORM": "offscreen", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()[-500:]
