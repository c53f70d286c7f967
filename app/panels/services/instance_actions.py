"""What can be done to an instance: the words for it, when it is possible, and what it will do, said beforehand. Pure.

One table serves the buttons of a row, its context menu, the inspector and the command palette, so that an action has
the same name, key and meaning wherever it is found.
"""

from dataclasses import dataclass
from typing import Final, Literal, TypeGuard, get_args

from app.core.language import tr
from app.panels.services.services_rows import InstanceRow

ActionKey = Literal["kill", "terminate", "freeze", "thaw", "restart", "drain", "remove"]
KEYS: Final[tuple[ActionKey, ...]] = get_args(ActionKey)

_CURES: Final[dict[str, ActionKey]] = {
    "frozen": "thaw",
    "stopped": "restart",
    "crash-looping": "restart",
    "unhealthy": "restart",
    "lost": "restart",
}


@dataclass(frozen=True)
class ActionWords:
    """`word` is on its button, `doing` in the row until it has happened; `keys` is its shortcut."""

    word: str
    doing: str
    icon: str
    keys: str


def words() -> dict[ActionKey, ActionWords]:
    """Looked up when widgets are built, in the window's language."""
    return {
        "kill": ActionWords(tr("Kill"), tr("Killing…"), "kill", "Del"),
        "terminate": ActionWords(tr("Terminate"), tr("Terminating…"), "terminate", "T"),
        "freeze": ActionWords(tr("Freeze"), tr("Freezing…"), "freeze", "F"),
        "thaw": ActionWords(tr("Thaw"), tr("Thawing…"), "thaw", "F"),
        "restart": ActionWords(tr("Restart"), tr("Restarting…"), "restart", "R"),
        "drain": ActionWords(tr("Drain"), tr("Draining…"), "drain", "D"),
        "remove": ActionWords(tr("Remove"), tr("Removing…"), "trash", "Del"),
    }


def possible(row: InstanceRow) -> frozenset[ActionKey]:
    """What makes sense now. The control plane has the last word: what changed meanwhile it refuses, with the reason."""
    if row.doing is not None:
        return frozenset()
    if row.external:
        return frozenset({"remove"})
    found: set[ActionKey] = {"restart"}
    if row.pid is not None:
        found.add("kill")
        if row.status == "frozen":
            found.add("thaw")
        else:
            found.add("terminate")
    if row.pid is not None and row.status in ("healthy", "unhealthy"):
        found |= {"freeze", "drain"}
    return frozenset(found)


def cure(row: InstanceRow) -> ActionKey | None:
    """The one action that sets right what is wrong with it; None while nothing is."""
    if row.external:
        return "remove" if row.status == "lost" else None
    return _CURES.get(row.status)


def is_action(key: str) -> TypeGuard[ActionKey]:
    return key in KEYS


def says(key: ActionKey, row: InstanceRow) -> str:
    """What the action will do, by the present state of the instance and its siblings."""
    match key:
        case "kill":
            return " ".join([tr("Ends the process at once (SIGKILL); a new one starts."), _seen(row)])
        case "terminate":
            return tr("Out of rotation, finishes what is under way, ends (SIGTERM); a new one starts.")
        case "freeze":
            return " ".join([tr("Stops the process without ending it (SIGSTOP)."), _seen_frozen(row)])
        case "thaw":
            return tr("Lets the process go on (SIGCONT); back in rotation after its next check.")
        case "restart":
            return tr("Lets it finish what is under way and starts a new process.")
        case "drain":
            return tr("Out of rotation; stops when nothing is in flight, until it is restarted.")
        case "remove":
            return tr("Takes its registration back; its process is not touched.")


def _seen(row: InstanceRow) -> str:
    if not row.in_rotation:
        return tr("It gets no requests now, so clients see nothing.")
    if row.is_last:
        return tr("It is the last one in rotation: clients see 503 until it is back.")
    return tr("The others take its requests.")


def _seen_frozen(row: InstanceRow) -> str:
    if row.is_last:
        return tr("It is the last one in rotation: clients wait, then see errors.")
    return tr("Calls to it time out until its checks take it out of rotation.")
