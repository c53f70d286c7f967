"""What to show of an answer's body: a tree, or text of bounded size, and in plain words what is not shown. Pure.

Everything here may be called in another thread: a body of many small parts takes a while to look through.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from app.core import figures
from app.core.console import Ending, Reply
from app.core.language import tr

TREE_MEMBERS: Final = 1_000
TREE_TEXT: Final = 4_000
"""Members of one array or object, characters of one text: with more than that the body is shown as text, for a tree
of them would be slow to build and no use to read.
"""
HEX_BYTES: Final = 2048
_TEXT_TYPES: Final = (
    "text/",
    "application/json",
    "application/xml",
    "application/javascript",
    "+json",
    "+xml",
)


@dataclass(frozen=True)
class BodyView:
    """`tree` holds the decoded value in a tuple, None where the body is no JSON that a tree could show.

    `note` says what is left out; `is_cut` that something is.
    """

    text: str
    tree: tuple[Any] | None = None
    note: str = ""
    is_cut: bool = False


def body_view(reply: Reply) -> BodyView:
    note, is_cut = _left_out(reply)
    if not reply.kept:
        return BodyView("", note=note or tr("The answer has no body."), is_cut=is_cut)
    encoding = reply.header("content-encoding").lower()
    if encoding not in ("", "identity") or not _is_text(reply):
        binary = tr(
            "{n} of {kind}, shown as bytes.", n=figures.size(reply.size), kind=encoding or _kind(reply)
        )
        return BodyView(_hex(reply.kept), note=f"{binary} {note}".strip(), is_cut=True)
    text = reply.kept.decode(_charset(reply), "replace")
    value = _json(text) if not is_cut else None
    if value is None:
        return BodyView(text, note=note, is_cut=is_cut)
    pretty = json.dumps(value[0], indent=2, ensure_ascii=False)
    if not _fits_a_tree(value[0]):
        large = tr("Too large in one piece for a tree; shown as text.")
        return BodyView(pretty, note=f"{large} {note}".strip())
    return BodyView(pretty, value, note)


def _left_out(reply: Reply) -> tuple[str, bool]:
    shown, size = figures.size(len(reply.kept)), figures.size(reply.size)
    declared = reply.header("content-length")
    match reply.ending:
        case Ending.BROKEN:
            of = figures.size(int(declared)) if declared.isdecimal() and len(declared) < 16 else "?"
            return tr("The connection broke after {size} of {of}: this is not all.", size=size, of=of), True
        case Ending.TOO_SLOW:
            return tr("Only {size} came within the time limit; the rest was not waited for.", size=size), True
        case Ending.TOO_LARGE:
            return tr(
                "More than {size}: shown are the first {shown}, the rest was not read.",
                size=size,
                shown=shown,
            ), True
        case Ending.COMPLETE if reply.size > len(reply.kept):
            return tr(
                "Shown are the first {shown} of {size}; the rest was read and counted, not kept.",
                shown=shown,
                size=size,
            ), True
        case Ending.COMPLETE:
            return "", False


def _kind(reply: Reply) -> str:
    return reply.header("content-type").partition(";")[0].strip() or tr("unknown type")


def _is_text(reply: Reply) -> bool:
    if any(kind in reply.header("content-type").lower() for kind in _TEXT_TYPES):
        return True
    if b"\0" in reply.kept:
        return False
    try:
        reply.kept[: -4 if len(reply.kept) < reply.size else None].decode()
    except UnicodeDecodeError as error:
        return error.start > len(reply.kept) - 4  # a character that was cut in two
    return True


def _charset(reply: Reply) -> str:
    _, _, given = reply.header("content-type").lower().partition("charset=")
    name = given.partition(";")[0].strip(" \"'")
    try:
        b"a".decode(name or "utf-8", "replace")
    except (LookupError, ValueError):
        return "utf-8"
    return name or "utf-8"


def _json(text: str) -> tuple[Any] | None:
    try:
        return (json.loads(text),)
    except (ValueError, RecursionError):
        return None


def _fits_a_tree(value: Any) -> bool:
    left = [value]
    while left:
        part = left.pop()
        if isinstance(part, str) and len(part) > TREE_TEXT:
            return False
        if isinstance(part, dict | list):
            if len(part) > TREE_MEMBERS:
                return False
            left.extend(part.values() if isinstance(part, dict) else part)
    return True


def _hex(raw: bytes) -> str:
    """Sixteen bytes a line, as hex and as text."""
    lines = []
    for at in range(0, min(len(raw), HEX_BYTES), 16):
        part = raw[at : at + 16]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in part)
        lines.append(f"{at:06x}  {part.hex(' '):<47}  {text}")
    return "\n".join(lines)
