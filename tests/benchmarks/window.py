"""The window: how soon it is there, whether it stays quick when the gateway is saturated, and how little it takes.

The real window on a virtual display. Its start is seen from outside, in the display's framebuffer; how it answers is
measured by `window_inside`, in the window's own process.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from app.desktop_entry import start_of_this
from app.qt.tokens import load_scheme
from tests.benchmarks.figures import Figure
from tests.benchmarks.screen import Screen
from tests.helpers.display import Display, virtual_display
from tests.helpers.system import MARK, ROOT, gone, marked

LOOK_S = 0.004
WITHIN_S = 20.0
SETTLED_S = 20.0
"""After a start: panels that nobody has opened yet are loaded meanwhile, and first readings come in."""
SPOTS = ((40, 450), (700, 40), (1400, 450), (700, 850))
"""Of rail, top bar, inspector and timeline: black as long as nothing is painted there."""

TOP_BAR, CONTENT = (80, 0, 720, 80), (80, 140, 460, 700)
"""Left, top, right, bottom: where the system's pill is, and the lamps of the Services panel."""


@dataclass
class Opened:
    """A window and what it was started with; times are seconds from the command on."""

    process: asyncio.subprocess.Process
    mark: str
    painted_s: float
    healthy_s: float


async def measure(*, quick: bool) -> list[Figure]:
    starts = 2 if quick else 7
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        async with virtual_display(framebuffer=root) as display:
            with Screen(root) as screen:
                return [
                    *await start_times(display, screen, root, starts),
                    *await idle(display, screen, root, 10.0 if quick else 30.0),
                    *await answers(display, root, quick=quick),
                ]


# --- seen from outside --------------------------------------------------------------------------------------------


async def start_times(display: Display, screen: Screen, root: Path, runs: int) -> list[Figure]:
    """From the command of a double click to the painted window, and to eight healthy instances in it."""
    painted, healthy, closed = [], [], []
    for run in range(runs + 1):
        async with opened(display, screen, root) as window:
            if run:
                painted.append(window.painted_s)
                healthy.append(window.healthy_s)
            began = time.perf_counter()
            window.process.terminate()
            await window.process.wait()
            left = await gone(window.mark)
            closed.append(time.perf_counter() - began)
            if left:
                raise RuntimeError(f"left behind: {left}")
    return [
        Figure("second start: window painted", "s", painted, "≤ 1.0"),
        Figure("second start: eight healthy shown", "s", healthy, "≤ 2.0"),
        Figure("close: nothing left", "s", closed, "≤ 2.0"),
    ]


async def idle(display: Display, screen: Screen, root: Path, seconds: float) -> list[Figure]:
    """CPU and memory when nobody asks for anything, with the Services panel open."""
    async with opened(display, screen, root) as window:
        await asyncio.sleep(SETTLED_S)
        own, everything = psutil.Process(window.process.pid), marked(window.mark)
        began, all_began, at = cpu_s([own]), cpu_s(everything), time.perf_counter()
        await asyncio.sleep(seconds)
        took = time.perf_counter() - at
        used, all_used = cpu_s([own]) - began, cpu_s(everything) - all_began
        pss, all_pss = pss_mb([own]), pss_mb(everything)
    return [
        Figure("idle: CPU of the window", "% of a core", [100 * used / took], "< 2"),
        Figure("idle: CPU of everything", "% of a core", [100 * all_used / took], "< 5"),
        Figure("idle: PSS of the window", "MB", [pss]),
        Figure(f"idle: PSS of all {len(everything)} processes", "MB", [all_pss], "< 500"),
    ]


def cpu_s(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def pss_mb(processes: list[psutil.Process]) -> float:
    return sum(process.memory_full_info().pss for process in processes) / 1e6


@asynccontextmanager
async def opened(display: Display, screen: Screen, root: Path) -> AsyncIterator[Opened]:
    """Painted and healthy inside; ended at the end, whatever state it is in."""
    mark = f"benchmark-{time.monotonic_ns()}"
    start = start_of_this(["--workspace", str(root / "demo-shop")])
    await until(lambda: not is_painted(screen))
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *start.argv, cwd=start.folder, env=environment(display, root, mark)
    )
    try:
        await until(lambda: is_painted(screen), process)
        painted = time.perf_counter() - began
        await until(lambda: shows_healthy(screen), process)
        yield Opened(process, mark, painted, time.perf_counter() - began)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await gone(mark)


def environment(display: Display, root: Path, mark: str) -> dict[str, str]:
    """A user of its own, and compiled modules kept as on a user's machine, whatever this shell says."""
    kept = {key: value for key, value in display.environment.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "HOME": str(root), "XDG_CONFIG_HOME": str(root / "config"), MARK: mark}


async def until(holds: Callable[[], bool], process: asyncio.subprocess.Process | None = None) -> None:
    """Fails when the window ends instead, or takes far too long."""
    async with asyncio.timeout(WITHIN_S):
        while not holds():
            if process is not None and process.returncode is not None:
                raise RuntimeError(f"the window ended with status {process.returncode}")
            await asyncio.sleep(LOOK_S)


def is_painted(screen: Screen) -> bool:
    return all(screen.color(x, y) for x, y in SPOTS)


def shows_healthy(screen: Screen) -> bool:
    """The pill in the top bar is green, and so are eight lamps one below the other, or more."""
    for name in ("dark", "light"):
        ok = int(load_scheme(name)["ok"].removeprefix("#"), 16)
        if any(screen.lines_with(ok, *TOP_BAR)) and bands(list(screen.lines_with(ok, *CONTENT))) >= 8:
            return True
    return False


def bands(lines: list[int]) -> int:
    """How many runs of neighbouring lines there are."""
    return sum(at == 0 or line > lines[at - 1] + 1 for at, line in enumerate(lines))


# --- measured inside ----------------------------------------------------------------------------------------------


async def answers(display: Display, root: Path, *, quick: bool) -> list[Figure]:
    """Figures of `window_inside`, run on the display in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.window_inside", str(root / "inside"), *(["--quick"] if quick else []),
        cwd=ROOT, env=environment(display, root, "benchmark-inside"), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"tests.benchmarks.window_inside ended with status {process.returncode}")
    return [Figure(**figure) for figure in json.loads(out)]
