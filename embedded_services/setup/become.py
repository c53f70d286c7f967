"""Becoming another program. Apart from `common.platform`, which takes 60 ms to import: this is part of every start."""

import os
import sys


def become(argv: list[str]) -> None:
    """Go on as `argv`, with this environment and folder, and this pid where the platform can; never returns."""
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name != "nt":
        os.execv(argv[0], argv)  # noqa: S606 - no shell, and argv[0] is the environment's Python
    import subprocess

    raise SystemExit(subprocess.run(argv, check=False).returncode)
