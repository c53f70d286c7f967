"""The command line of `python3 -m app`."""

import argparse
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from embedded_services.common.version import __version__


@dataclass(frozen=True)
class Options:
    """`workspace` is absolute; the folder need not exist yet. `again` is what a later start is to be given to be like
    this one. `entry` asks for no window, but for the desktop entry to be changed: `install` or `remove`.
    """

    workspace: Path
    again: tuple[str, ...] = ()
    entry: str | None = None


def parse(argv: list[str]) -> Options:
    """Ends the program with exit code 2 and one line on what is wrong, or 0 for --help and --version."""
    default = Path(platformdirs.user_data_dir("faultdeck", appauthor=False)) / "demo-shop"
    parser = argparse.ArgumentParser(
        prog="faultdeck",
        description="Opens the window: runs a whole microservice system on this machine, to watch it and to break it.",
        epilog="A system that already runs on the workspace is attached to, and left running at the end.",
    )
    parser.add_argument("--version", action="version", version=f"faultdeck {__version__}")
    parser.add_argument("--workspace", type=Path, metavar="DIR", default=default, help="default: %(default)s")
    parser.add_argument("--install-system", action="store_true", help="install missing system packages first")
    entry = parser.add_mutually_exclusive_group()
    entry.add_argument(
        "--install-desktop-entry",
        dest="entry",
        action="store_const",
        const="install",
        help="put Faultdeck into the desktop's menu, for a start by double click, and end (Linux)",
    )
    entry.add_argument(
        "--remove-desktop-entry",
        dest="entry",
        action="store_const",
        const="remove",
        help="take it out of the menu again, and end",
    )
    given = parser.parse_args(argv)
    workspace = given.workspace.expanduser().resolve()
    again = () if given.workspace == default else ("--workspace", str(workspace))
    return Options(workspace=workspace, again=again, entry=given.entry)
