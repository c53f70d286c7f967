"""What was typed of a rule, and what is wrong with it: `(texts) → rule | errors`. Pure; the bounds are the contract's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import msgspec
from msgspec import Meta

from app.core.language import tr
from app.panels.limits.limits_words import KeyKind, kind_of
from embedded_services.contracts import limits as wire
from embedded_services.contracts.limits import Algorithm, LimitSettings

FieldName = Literal["limit", "window", "header"]
FIELDS: Final[tuple[FieldName, ...]] = get_args(FieldName)

_LIMIT: Final[Any] = wire.Limit
_WINDOW: Final[Any] = wire.WindowS
_KEY: Final[Any] = wire.Key


@dataclass(frozen=True)
class RuleDraft:
    """As it stands in the fields. `header` counts only while `kind` is `header`."""

    algorithm: str
    limit: str
    window: str
    kind: KeyKind
    header: str = ""

    def parse(self) -> LimitSettings | dict[FieldName, str]:
        """The rule, or for each field that is wrong what it must be."""
        errors: dict[FieldName, str] = {}
        limit = _number(self.limit, _LIMIT)
        window = _number(self.window, _WINDOW)
        key = _key(self.kind, self.header)
        if limit is None:
            errors["limit"] = _bounds(_LIMIT)
        if window is None:
            errors["window"] = _bounds(_WINDOW)
        if key is None:
            errors["header"] = tr("A header's name: letters, digits and -, at most 64 of them.")
        if limit is None or window is None or key is None:
            return errors
        return LimitSettings(algorithm=Algorithm(self.algorithm), limit=limit, window_s=window, key=key)


def draft_of(rule: LimitSettings) -> RuleDraft:
    kind, header = kind_of(rule.key)
    return RuleDraft(rule.algorithm.value, str(rule.limit), str(rule.window_s), kind, header)


def changes(before: LimitSettings, after: LimitSettings) -> Mapping[str, Any]:
    """The fields in which they differ, as a merge patch of the limits."""
    old, new = msgspec.to_builtins(before), msgspec.to_builtins(after)
    return {name: value for name, value in new.items() if old[name] != value}


def _number(text: str, kind: Any) -> int | None:
    """Digits may be grouped by commas, spaces or thin spaces, as figures are shown."""
    plain = "".join(text.replace(",", "").split())
    if not (plain.isascii() and plain.isdecimal()):
        return None
    try:
        return int(msgspec.convert(plain, kind, strict=False))
    except msgspec.ValidationError:
        return None


def _key(kind: KeyKind, header: str) -> str | None:
    try:
        return str(msgspec.convert(f"header:{header.strip()}" if kind == "header" else kind, _KEY))
    except msgspec.ValidationError:
        return None


def _bounds(kind: Any) -> str:
    meta = next(meta for meta in kind.__metadata__ if isinstance(meta, Meta))
    return tr("A whole number from {low} to {high}.", low=f"{meta.ge:,}", high=f"{meta.le:,}")
