"""What to tell the user when the control plane ended by itself: its own last words, and the tail of its log."""

import signal
from pathlib import Path
from typing import Final

from app.core.language import tr
from app.core.messages import UserMessage

TAIL_LINES: Final = 20
_TAIL_BYTES: Final = 16 * 1024
_PREFIX: Final = "faultdeck: "


def tail(path: Path, lines: int = TAIL_LINES) -> list[str]:
    """The last lines of a log; empty when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            raw = file.read()
    except OSError:
        return []
    return raw.decode("utf-8", "replace").splitlines()[-lines:]


def failure_message(workspace: Path, returncode: int | None) -> UserMessage:
    """Why it ended. A start that fails says so itself in its last line, after `faultdeck: `."""
    path = workspace / "logs" / "control.err"
    said = tail(path)
    own = next((line.removeprefix(_PREFIX) for line in reversed(said) if line.startswith(_PREFIX)), "")
    details = "\n".join(said)
    if own:
        return UserMessage(
            tr("The system cannot be started: {reason}.", reason=own.rstrip(".")), details=details
        )
    hint = tr("Its log: {path}", path=path)
    return UserMessage(tr("The control plane ended: {how}.", how=_how(returncode)), hint, details)


def _how(returncode: int | None) -> str:
    if returncode is None or returncode >= 0:
        return tr("exit code {code}", code=returncode)
    try:
        return signal.Signals(-returncode).name
    except ValueError:
        return tr("signal {number}", number=-returncode)
