"""The keys that may sign this workspace's tokens, for tools that make a token of their own to see it refused.

They are the user's own, readable by the user alone; nothing here is sent anywhere.
"""

import os
from pathlib import Path
from typing import Final

MAX_BYTES: Final = 4096


def signing_keys(workspace: Path) -> list[str]:
    """The candidates, likeliest first: `JWT_SECRET` of the environment, the workspace's own. Empty when none is known.

    A control plane that was started elsewhere may have had another environment: a token tells which key holds.
    """
    found = [os.environ.get("JWT_SECRET", "")]
    try:
        with (workspace / "jwt-secret").open("rb") as file:
            found.append(file.read(MAX_BYTES).decode("ascii").strip())
    except (OSError, UnicodeDecodeError):
        pass  # there is none that we may read: the caller does without
    return [key for key in found if key]
