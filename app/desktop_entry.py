"""A double click away: the entry in the desktop's menu, and its icons, written where freedesktop.org says and taken back.

Linux desktops only. Everything is the user's own, below `$XDG_DATA_HOME` (`~/.local/share`). The entry names programs
and folders by absolute paths, so it works from wherever it is started; from a checkout it begins with the Python that
the environment was made of, so that it also repairs a `.venv` that is gone.
"""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Final

from embedded_services.common.resources import resource
from embedded_services.setup.checkout import Checkout
from embedded_services.setup.system_packages import missing_line

NAME: Final = "faultdeck"
PNG_SIZES: Final = (16, 24, 32, 48, 64, 128, 256)
WINDOW_CLASS: Final = "faultdeck"
"""What Qt makes of the application's name; desktops match the window with its entry by it."""

_PLAIN: Final = re.compile(r"[\w@%+=:,./-]+", re.ASCII)
_UPDATE_S: Final = 10.0


@dataclass(frozen=True)
class Start:
    """How the window is started: a program with its arguments, and the folder to do it in (None: any)."""

    argv: tuple[str, ...]
    folder: str | None = None


def run(action: str, options: Sequence[str], *, platform: str = sys.platform) -> int:
    """Do `install` or `remove` and say in one line what was done; `options` are for the start. Returns the exit code."""
    if not platform.startswith("linux"):
        return _refuse("desktop entries are for Linux desktops; here, start the window with: python3 -m app")
    home = data_home()
    try:
        if action == "remove":
            _say(_removed(remove(home), home))
            return 0
        if line := missing_line("window"):
            return _refuse(line)  # without Qt's libraries there would be nothing to draw icons, nor to start
        _say(_written(install(home, start_of_this(options))))
    except OSError as error:
        return _refuse(f"cannot change {error.filename or home}: {error.strerror}")
    return 0


def data_home() -> Path:
    """`$XDG_DATA_HOME` if it is an absolute path, as its specification wants, else `~/.local/share`."""
    given = os.environ.get("XDG_DATA_HOME", "")
    return Path(given) if os.path.isabs(given) else Path.home() / ".local" / "share"


def start_of_this(options: Sequence[str]) -> Start:
    """The start of the Faultdeck that runs now."""
    root = str(Path(__file__).resolve().parent.parent)
    if Checkout(root).exists():
        made_of = getattr(sys, "_base_executable", None) or sys.executable
        return Start((made_of, "-m", "app", *options), root)
    return Start((sys.executable, "-P", "-m", "app", *options))  # -P: whatever folder it is started in


# --- what is written ----------------------------------------------------------------------------------------------


def entry_path(home: Path) -> Path:
    return home / "applications" / f"{NAME}.desktop"


def icon_paths(home: Path) -> dict[Path, int | None]:
    """Each icon and its size in pixels, None for the drawing that fits any."""
    icons = home / "icons" / "hicolor"
    sized: dict[Path, int | None] = {icons / f"{n}x{n}" / "apps" / f"{NAME}.png": n for n in PNG_SIZES}
    return {icons / "scalable" / "apps" / f"{NAME}.svg": None, **sized}


def install(home: Path, start: Start) -> list[Path]:
    """Write entry and icons, over older ones. Returns what was written, the entry last. Raises OSError."""
    for path, size in icon_paths(home).items():
        _write(path, resource("icons", f"{NAME}.svg").read_bytes() if size is None else _drawn(size))
    entry = entry_path(home)
    _write(entry, entry_text(start).encode())
    _tell_desktop(home)
    return [*icon_paths(home), entry]


def remove(home: Path) -> list[Path]:
    """Remove what `install` wrote, and nothing else. Returns what was there. Raises OSError."""
    found = [path for path in (*icon_paths(home), entry_path(home)) if path.exists()]
    for path in found:
        path.unlink()
    if found:
        _tell_desktop(home)
    return found


def entry_text(start: Start) -> str:
    """The entry, by version 1.4 of the Desktop Entry Specification."""
    lines = [
        "[Desktop Entry]",
        "Type=Application",
        "Version=1.4",
        "Name=Faultdeck",
        "GenericName=Microservice Control Panel",
        "Comment=Run a real microservice system on this machine, watch it and break it",
        f"Exec={exec_value(start.argv)}",
        f"TryExec={_escaped(start.argv[0])}",
        *([f"Path={_escaped(start.folder)}"] if start.folder else []),
        f"Icon={NAME}",
        "Terminal=false",
        "Categories=Development;",
        "Keywords=microservices;gateway;failover;faults;",
        "StartupNotify=false",  # a second start raises the first window, and would leave the cursor waiting
        f"StartupWMClass={WINDOW_CLASS}",
        "X-GNOME-SingleWindow=true",
    ]
    return "\n".join(lines) + "\n"


def exec_value(argv: Sequence[str]) -> str:
    """`argv` as the value of `Exec`: quoted where need be, percent signs no field codes, then escaped as any string."""
    return _escaped(" ".join(_quoted(argument) for argument in argv))


def _quoted(argument: str) -> str:
    if _PLAIN.fullmatch(argument):
        return argument.replace("%", "%%")
    for special in '\\"`$':  # the backslash first: the others bring one along
        argument = argument.replace(special, f"\\{special}")
    return '"' + argument.replace("%", "%%") + '"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")


def _drawn(size: int) -> bytes:
    """The application's icon as PNG; needs no display."""
    from PySide6.QtCore import QBuffer, QIODevice, Qt
    from PySide6.QtGui import QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    image = QImage(size, size, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    with QPainter(image) as painter:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        QSvgRenderer(str(resource("icons", f"{NAME}.svg"))).render(painter)
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]  # the stub asks for bytes, which are refused
    return bytes(buffer.data().data())


def _write(path: Path, content: bytes) -> None:
    """In one step, or not at all: a desktop may read it any moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_bytes(content)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _tell_desktop(home: Path) -> None:
    """Desktops watch the folders; those that keep a cache are told. That one cannot be told is no failure of ours."""
    icons = home / "icons" / "hicolor"
    if icons.is_dir():
        os.utime(icons)
    if program := which("update-desktop-database"):
        subprocess.run(  # noqa: S603 - the desktop's own program, on our folder
            [program, "-q", str(home / "applications")], check=False, timeout=_UPDATE_S
        )


# --- what is said -------------------------------------------------------------------------------------------------


def _written(paths: list[Path]) -> str:
    *icons, entry = paths
    return f"wrote {entry} and {len(icons)} icons in {_hicolor(icons)}; take them back with --remove-desktop-entry"


def _removed(paths: list[Path], home: Path) -> str:
    if not paths:
        return f"there is nothing to remove: {entry_path(home)} does not exist, nor do its icons"
    icons = [path for path in paths if path != entry_path(home)]
    parts = [str(path) for path in paths if path not in icons]
    parts += [f"{len(icons)} icons in {_hicolor(icons)}"] if icons else []
    return "removed " + " and ".join(parts)


def _hicolor(icons: list[Path]) -> Path:
    return icons[0].parents[2]


def _say(line: str) -> None:
    sys.stdout.write(f"faultdeck: {line}\n")


def _refuse(line: str) -> int:
    sys.stderr.write(f"faultdeck: {line}\n")
    return 1
