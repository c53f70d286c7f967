"""Where the window that is open on a workspace can be reached, and whether it is worth trying. No Qt, and next to no
imports: it is asked before anything is loaded, and nearly always there is none.
"""

import getpass
import hashlib
import os
import sys
from pathlib import Path


def name_of(workspace: Path) -> str:
    """The name of its local socket: one for each user and workspace."""
    return "faultdeck-" + hashlib.sha256(f"{getpass.getuser()}:{workspace}".encode()).hexdigest()[:24]


def may_be_open(workspace: Path) -> bool:
    """False when there is certainly no window; True says only that it has to be tried."""
    if not sys.platform.startswith("linux"):
        return True
    temporary = os.environ.get("TMPDIR") or "/tmp"  # noqa: S108 - where Qt puts local sockets
    return os.path.exists(os.path.join(temporary, name_of(workspace)))
