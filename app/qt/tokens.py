"""The design's roles, read from `resources/themes` and checked: code names a role, never a colour or a size. No Qt.

A theme file that lacks a role, has one too many or holds what is no colour is refused.
"""

from functools import cache
from typing import Annotated, Final, Literal, TypeVar, get_args

import msgspec
from msgspec import Meta

from embedded_services.common.resources import resource

Kind = TypeVar("Kind")
Hex = Annotated[str, Meta(pattern="^#[0-9A-F]{6}$")]

Tone = Literal[
    "text", "text_secondary", "text_muted", "text_disabled", "text_on_accent",
    "accent", "accent_fill", "accent_fill_hover", "accent_tint",
    "ok", "ok_tint", "warn", "warn_tint", "bad", "bad_tint",
    "frozen", "frozen_tint", "unknown", "unknown_tint", "fault", "fault_tint", "fault_fill",
    "canvas", "surface", "surface_raised", "surface_overlay", "surface_sunken", "surface_hover", "surface_selected",
    "border", "border_strong", "edge", "edge_idle",
    "plot_p50", "plot_p95", "plot_p99", "plot_max", "plot_grid", "plot_fault",
    "status_2xx", "status_4xx", "status_429", "status_5xx",
]  # fmt: skip
TEXT_TONES: Final[tuple[Tone, ...]] = (
    "text", "text_secondary", "text_muted", "text_disabled", "text_on_accent",
    "accent", "ok", "warn", "bad", "frozen", "unknown", "fault",
)  # fmt: skip
"""The roles that text is written in."""

Face = Literal["caption", "small", "body", "strong", "section", "title", "figure", "mono"]
Shape = Literal[
    "disc",
    "triangle",
    "cross",
    "six-arm",
    "half-disc",
    "down-chevron",
    "hollow-square",
    "ring",
    "bolt",
    "return-arrow",
]
SchemeName = Literal["dark", "light"]


class Scheme(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One theme's colours, by role and by event type."""

    color: dict[str, Hex]
    event: dict[str, Hex]


class StatusLook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    shape: Shape
    tone: Tone


class TypeFace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`size` and `line` in pixels."""

    size: int
    line: int
    weight: int


class TypeScale(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    family: list[str]
    family_mono: list[str]
    scale: dict[Face, TypeFace]


class Sizes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """Pixels, before display scaling."""

    top_bar: int
    rail: int
    rail_narrow: int
    rail_item: int
    inspector: int
    inspector_min: int
    inspector_max: int
    timeline: int
    panel_header: int
    row_dense: int
    row: int
    row_group: int
    control: int
    control_large: int
    lamp: int
    lamp_small: int
    lamp_large: int
    icon: int
    icon_rail: int
    menu_item: int


class Tokens(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    status: dict[str, StatusLook]
    type: TypeScale
    size: Sizes


class TokensError(Exception):
    """A theme file is damaged; the message says which and how."""


@cache
def load_tokens() -> Tokens:
    """What both themes share. Raises TokensError."""
    tokens = _decode("tokens.toml", Tokens)
    if missing := set(get_args(Face)) - set(tokens.type.scale):
        raise TokensError(f"tokens.toml lacks the type {', '.join(sorted(missing))}")
    return tokens


@cache
def load_scheme(name: SchemeName) -> dict[Tone, str]:
    """The colour of every role. Raises TokensError."""
    found = {role.replace("-", "_"): value for role, value in _decode(f"{name}.toml", Scheme).color.items()}
    roles: tuple[Tone, ...] = get_args(Tone)
    if wrong := set(roles) ^ set(found):
        raise TokensError(f"{name}.toml: roles that are missing or not known: {', '.join(sorted(wrong))}")
    return {role: found[role] for role in roles}


@cache
def load_event_colors(name: SchemeName) -> dict[str, str]:
    """The colour of each family of event types, `other` among them. Raises TokensError."""
    return _decode(f"{name}.toml", Scheme).event


def _decode(name: str, kind: type[Kind]) -> Kind:
    try:
        return msgspec.toml.decode(resource("themes", name).read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError, ValueError) as error:
        raise TokensError(f"{name} cannot be used: {error}") from error
