"""What the absence of the orchestrator means, and what would bring it back. Pure."""

from dataclasses import dataclass
from typing import Final

from app.core import figures
from app.core.language import tr
from app.core.messages import UserMessage
from app.core.reasons import spoken
from embedded_services.contracts.system import Process

_WORKS: Final = "healthy"
_FROZEN: Final = "frozen"
_COMES: Final = frozenset({"starting", "stopped"})


@dataclass(frozen=True)
class Absence:
    """`mend` is `thaw`, `restart` or empty, `words` its button's."""

    message: UserMessage
    mend: str = ""
    words: str = ""


def absence(process: Process | None) -> Absence | None:
    """None while there is an orchestrator that works."""
    if process is not None and process.status == _WORKS:
        return None
    hint = tr(
        "No saga moves, and none can be started. Those under way go on where they stood when it is back. "
        "What was fetched stays readable."
    )
    if process is None:
        return Absence(UserMessage(tr("There is no orchestrator."), hint))
    since = figures.clock_time(process.since)
    if process.status == _FROZEN:
        text = tr("The orchestrator is frozen since {time}.", time=since)
        return Absence(UserMessage(text, hint), "thaw", tr("Thaw it"))
    text = tr(
        "The orchestrator is away since {time}: {why}.",
        time=since,
        why=spoken(process.reason) or process.status,
    )
    if process.status in _COMES:
        return Absence(UserMessage(text, hint))
    return Absence(UserMessage(text, hint), "restart", tr("Restart it"))
