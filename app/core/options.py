"""The command line of `python3 -m app`."""

import argparse
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from embedded_services.common.version import __version__


@dataclass(frozen=True)
class Options:
    """`workspace` is absolute; the folder need not exist yet."""

    workspace: Path


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
    given = parser.parse_args(argv)
    return Options(workspace=given.workspace.expanduser().resolve())
