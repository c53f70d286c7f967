"""The history as it is remembered between starts: bounded, and without anything that must stay secret. Pure."""

import json
import re
from collections.abc import Sequence
from typing import Any, Final, cast

from app.core.settings import SavedRequest
from app.panels.requests.curl import SECRET_HEADERS
from app.panels.requests.draft import METHODS, TOKEN_KINDS, Draft, Method, TokenKind
from app.panels.requests.requests_model import Exchange

MOST: Final = 50
MAX_TEXT: Final = 4096
"""Characters of a body, of headers or of a target that are remembered; a longer one is left out whole."""

_SECRET_NAME: Final = re.compile(r"token|secret|passw|api-?key|auth|signature|credential", re.IGNORECASE)
_SECRET_PAIR: Final = re.compile(
    r"((?:^|[?&])[^=&]*(?:token|secret|passw|api-?key|auth|signature|credential)[^=&]*=)[^&]*", re.IGNORECASE
)


def saved(rows: Sequence[Exchange]) -> list[SavedRequest]:
    """What to remember of the newest rows."""
    return [
        SavedRequest(
            at=row.at,
            method=row.draft.method,
            target=_SECRET_PAIR.sub(r"\1", row.draft.target) if len(row.draft.target) <= MAX_TEXT else "/",
            headers=_headers(row.draft.headers),
            body=_body(row.draft.body),
            auth=row.draft.auth,
            sent_as=row.sent_as,
            status=row.status,
            outcome=row.outcome,
            error=row.error,
            problem=row.problem,
            cancelled=row.cancelled,
            took_ms=row.took_ms,
            size=row.size,
            instance=row.instance,
            request_id=row.request_id,
        )
        for row in rows[:MOST]
    ]


def restored(requests: Sequence[SavedRequest]) -> list[Exchange]:
    """The rows, newest first, numbered from below so that later ones follow on. What makes no sense is left out."""
    known = [found for found in requests[:MOST] if found.method in METHODS and found.auth in TOKEN_KINDS]
    return [
        Exchange(
            number=len(known) - at,
            at=found.at,
            draft=Draft(
                cast("Method", found.method),
                found.target,
                found.headers,
                found.body,
                cast("TokenKind", found.auth),
            ),
            sent_as=next((kind for kind in TOKEN_KINDS if kind == found.sent_as), None),
            status=found.status,
            outcome=found.outcome,
            error=found.error,
            problem=found.problem,
            cancelled=found.cancelled,
            took_ms=found.took_ms,
            size=found.size,
            instance=found.instance,
            request_id=found.request_id,
        )
        for at, found in enumerate(known)
    ]


def _headers(text: str) -> str:
    lines = [line for line in text.splitlines() if not _is_secret(line.partition(":")[0])]
    kept = "\n".join(lines)
    return kept if len(kept) <= MAX_TEXT else ""


def _is_secret(name: str) -> bool:
    return name.strip().lower() in SECRET_HEADERS or _SECRET_NAME.search(name) is not None


def _body(text: str) -> str:
    """JSON with its secrets emptied; any other text that seems to hold one is left out."""
    if len(text) > MAX_TEXT or not _SECRET_NAME.search(text):
        return text if len(text) <= MAX_TEXT else ""
    try:
        return json.dumps(_emptied(json.loads(text)), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return ""


def _emptied(value: Any) -> Any:
    match value:
        case dict():
            return {name: "" if _is_secret(name) else _emptied(part) for name, part in value.items()}
        case list():
            return [_emptied(part) for part in value]
        case _:
            return value
