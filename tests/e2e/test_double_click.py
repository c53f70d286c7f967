"""A double click on the desktop's entry, done as desktops do it: by GLib's launcher, on a display."""

import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.desktop_entry import WINDOW_CLASS, Start, entry_path, entry_text
from embedded_services.client.control_client import ControlClient
from embedded_services.client.errors import NoRuntimeError
from embedded_services.client.runtime import read_runtime
from embedded_services.contracts.instances import Status
from embedded_services.contracts.runtime import Runtime
from tests.helpers.display import Display, virtual_display
from tests.helpers.eventually import until
from tests.helpers.system import END_S, MARK, ROOT, gone, marked


@dataclass
class Desktop:
    """A user's session: a home with a space in its name, a display, and nothing else of this machine's user."""

    home: Path
    display: Display
    mark: str

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: v for key, v in self.display.environment.items() if not key.startswith("XDG_")}
        return {**kept, "HOME": str(self.home), "XDG_DATA_HOME": str(self.data), MARK: self.mark}

    @property
    def data(self) -> Path:
        return self.home / "my data"

    @property
    def workspace(self) -> Path:
        return self.data / "faultdeck" / "demo-shop"

    @property
    def said(self) -> Path:
        """What programs that were launched from the desktop write."""
        return self.home / "said"

    def command(self, *options: str) -> str:
        """`python -m app` with `options`: what it prints; it must not fail."""
        argv = [sys.executable, "-m", "app", *options]
        done = subprocess.run(
            argv, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def validate(self, entry: Path) -> None:
        subprocess.run(["desktop-file-validate", str(entry)], check=True)

    def launch(self, entry: Path) -> None:
        """As a double click does; from a folder that has nothing to do with it."""
        with self.said.open("ab") as said:
            argv = ["gio", "launch", str(entry)]
            subprocess.run(argv, cwd="/", env=self.environment, stdout=said, stderr=said, check=True)

    def runtime(self) -> Runtime | None:
        try:
            return read_runtime(self.workspace)
        except NoRuntimeError:
            return None


@pytest.fixture
async def desktop(tmp_path: Path) -> AsyncIterator[Desktop]:
    home = tmp_path / "a home"
    home.mkdir()
    mark = uuid.uuid4().hex
    async with virtual_display() as display:
        yield Desktop(home, display, mark)
        left = await gone(mark, END_S)
        for process in marked(mark):
            process.kill()
    assert not left, f"processes were left behind: {left}"


async def test_a_double_click_opens_the_window_and_a_second_one_raises_it(desktop: Desktop) -> None:
    said = desktop.command("--install-desktop-entry")
    entry = entry_path(desktop.data)
    assert said.startswith(f"faultdeck: wrote {entry} and ")
    desktop.validate(entry)

    desktop.launch(entry)

    async def ready() -> Runtime | None:
        runtime = desktop.runtime()
        return runtime if runtime is not None and runtime.ready else None

    runtime = await until(ready)
    # Not before: the first window that is seen is perhaps the one that only says "starting".
    [window] = await until(lambda: desktop.display.windows(WINDOW_CLASS))
    names = await desktop.display.property(window, "WM_CLASS")
    assert names == f'"{WINDOW_CLASS}", "{WINDOW_CLASS}"', "as StartupWMClass says"
    async with ControlClient(runtime.control, runtime.token) as control:
        rows = (await control.instances()).items
        assert len(rows) == 8
        assert all(row.status is Status.HEALTHY for row in rows)
    assert "demo-shop" in await desktop.display.xdotool("getwindowname", window)

    desktop.launch(entry)

    async def raised() -> bool:
        return "it was raised" in desktop.said.read_text()

    await until(raised)
    assert await desktop.display.windows(WINDOW_CLASS) == [window]

    await desktop.display.xdotool("windowfocus", "--sync", window)
    await desktop.display.xdotool("key", "ctrl+q")
    assert await gone(desktop.mark, END_S) == []
    assert desktop.runtime() is None

    assert desktop.command("--remove-desktop-entry").startswith(f"faultdeck: removed {entry} and ")
    assert not entry.exists()


async def test_what_is_launched_is_what_was_meant_whatever_its_path(desktop: Desktop) -> None:
    """GLib reads the entry as it was written: no argument is split, expanded or lost. (It finds no program in whose
    own path there is a percent sign, however that is written.)
    """
    folder = desktop.home / 'a "folder" of $HOME `id` \\ größe'
    folder.mkdir()
    program = folder / "program & more"
    program.write_text(
        '#!/bin/sh\npwd\nfor word in "$@"; do printf "<%s>\\n" "$word"; done\nprintf "end\\n"\n'
    )
    program.chmod(0o755)
    words = ["--workspace", str(folder / "demo shop"), "", "50%", "%u", "a\\b", "it's", "*"]
    entry = desktop.home / "odd.desktop"
    entry.write_text(entry_text(Start((str(program), *words), str(folder))))
    desktop.validate(entry)

    desktop.launch(entry)

    async def ended() -> list[str]:
        lines = desktop.said.read_text().splitlines()
        return lines if lines[-1:] == ["end"] else []

    assert await until(ended) == [str(folder), *(f"<{word}>" for word in words), "end"]


def test_the_desktop_goes_by_what_is_absolute() -> None:
    entry = entry_text(Start((sys.executable, "-m", "app"), str(ROOT)))
    for line in entry.splitlines():
        name, _, value = line.partition("=")
        if name in ("Exec", "TryExec", "Path"):
            assert os.path.isabs(value)
