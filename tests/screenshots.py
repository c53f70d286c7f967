"""`python3 -m tests.screenshots DIR`: every panel in both themes, empty, calm and in trouble, as PNG.

The real window on a real system, 1440×900, on no screen: `<panel>-<theme>-<state>.png`. What is true of the frame rather
than of a panel is `window-<theme>-<state>.png`. Nothing here is a test: whoever changes the window looks at the pictures.
"""

import sys

THEMES = ("dark", "light")


def main() -> int:
    from embedded_services.setup.ensure import ensure

    ensure("tests", "tests.screenshots", sys.argv[1:])

    import argparse
    import asyncio
    import os
    import tempfile
    from pathlib import Path

    parser = argparse.ArgumentParser(prog="tests.screenshots")
    parser.add_argument(
        "folder", type=Path, metavar="DIR", help="where the pictures go; made if it is not there"
    )
    parser.add_argument("--only", metavar="TEXT", default="", help="only pictures with this in their name")
    parser.add_argument("--install-system", action="store_true", help="install missing system packages first")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

    import qasync
    from PySide6.QtCore import qInstallMessageHandler
    from PySide6.QtWidgets import QApplication

    from app.qt.theme import Theme
    from tests.helpers.scenes import Camera, say_what_matters, take_all

    qInstallMessageHandler(say_what_matters)
    app = QApplication(["faultdeck"])
    Theme.install(app, "dark")
    camera = Camera(given.folder, given.only, print)
    with (
        tempfile.TemporaryDirectory(prefix="faultdeck-") as folder,
        asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(app)) as runner,
    ):
        runner.run(take_all(camera, Path(folder), THEMES))
    print(f"{camera.taken} pictures in {given.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
