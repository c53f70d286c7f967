"""Starts the control plane before there is a window, so that it comes up while Qt and the panels are loaded."""

from pathlib import Path
from typing import Final

from app.core.child import Child, launch

RUNTIME_NAME: Final = "runtime.json"


def start_early(workspace: Path) -> Child | None:
    """None when the workspace is served already, or it cannot be started: the window will find out and say why.

    What it takes to look more closely is loaded only if there is something to look at.
    """
    if (workspace / RUNTIME_NAME).exists():
        from app.core.served import find_served

        if find_served(workspace) is not None:
            return None
    try:
        return launch(workspace)
    except OSError:
        return None
