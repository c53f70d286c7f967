"""A display without a screen (Xvfb), and a hand on it: mouse and keyboard by xdotool."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from embedded_services.common import platform

READY_S = 10.0


@dataclass(frozen=True)
class Display:
    """`environment` is for programs that are to show themselves there: this process's, on that display, over X11."""

    name: str

    @property
    def environment(self) -> dict[str, str]:
        others = {
            key: value
            for key, value in os.environ.items()
            if key not in ("WAYLAND_DISPLAY", "XDG_SESSION_TYPE", "QT_QPA_PLATFORM")
        }
        return {**others, "DISPLAY": self.name, "QT_QPA_PLATFORM": "xcb"}

    async def xdotool(self, *arguments: str) -> str:
        """What it prints; fails with what it says when it does."""
        code, out, err = await self._run("xdotool", *arguments)
        assert code == 0, f"xdotool {' '.join(arguments)}: {err}"
        return out

    async def windows(self, window_class: str) -> list[str]:
        """The ids of the windows in sight whose class is this."""
        _, out, _ = await self._run("xdotool", "search", "--onlyvisible", "--class", f"^{window_class}$")
        return out.split()

    async def property(self, window: str, name: str) -> str:
        """A window's property, as xprop tells it: the text after `=`."""
        _, out, _ = await self._run("xprop", "-id", window, name)
        return out.partition("=")[2].strip()

    async def _run(self, *argv: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            *argv, env=self.environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = await process.communicate()
        return process.returncode or 0, out.decode(), err.decode()


@asynccontextmanager
async def virtual_display(size: str = "1440x900", framebuffer: Path | None = None) -> AsyncIterator[Display]:
    """A display of its own, ended at the end and with this process. What it shows is also a file in the folder
    `framebuffer`, if one is given.
    """
    options = () if framebuffer is None else ("-fbdir", str(framebuffer))
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        "Xvfb", "-displayfd", str(writing), "-screen", "0", f"{size}x24", "-nolisten", "tcp", "-noreset", *options,
        pass_fds=(writing,), preexec_fn=platform.die_with_parent,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    os.close(writing)
    try:
        async with asyncio.timeout(READY_S):
            number = await asyncio.to_thread(os.read, reading, 16)
        assert number, "Xvfb did not start"
        yield Display(f":{int(number)}")
    finally:
        os.close(reading)
        if process.returncode is None:
            process.terminate()
        await process.wait()
