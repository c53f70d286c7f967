"""What the window remembers between starts: geometry, theme, language, the panel that was open, filters.

One JSON file in the user's configuration folder. It is never worth a crash: a file that cannot be read is set aside,
with a message for the user, and the window starts as if it were new.
"""

import base64
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
import platformdirs
from msgspec import Meta

from app.core.language import tr
from app.core.messages import UserMessage
from embedded_services.common import platform
from embedded_services.contracts.faults import NewFault

MAX_BYTES: Final = 1 << 20
MAX_FILTERS: Final = 200
MAX_PRESETS: Final = 50

log = logging.getLogger(__name__)


class SavedRequest(msgspec.Struct, kw_only=True, rename="camel"):
    """A request of the console and how it went, as it is remembered: without tokens and other secrets."""

    at: float
    method: str
    target: str
    headers: str = ""
    body: str = ""
    auth: str = "good"
    sent_as: str | None = None
    status: int | None = None
    outcome: str = ""
    error: str = ""
    problem: str = ""
    cancelled: bool = False
    took_ms: float | None = None
    size: int | None = None
    instance: str = ""
    request_id: str = ""


class SavedPreset(msgspec.Struct, kw_only=True, rename="camel"):
    """Faults that the user keeps under a name."""

    title: Annotated[str, Meta(min_length=1, max_length=80)]
    faults: Annotated[list[NewFault], Meta(min_length=1, max_length=20)]


class WindowSettings(msgspec.Struct, kw_only=True, rename="camel"):
    """`geometry` and `split` are Qt's own state, base64; `place` is where the window was (left, top, width, height), which
    Qt makes smaller where no window manager frames it. `inspector_open` is what the user chose while there was room for
    it. `filters` are texts by the key of their field, `requests` the
    console's history, newest first.
    """

    version: int = 1
    geometry: str = ""
    place: tuple[int, int, int, int] | None = None
    split: str = ""
    theme: Literal["system", "dark", "light"] = "system"
    language: str = "system"
    panel: str = ""
    inspector_open: bool = True
    filters: Annotated[dict[str, str], Meta(max_length=MAX_FILTERS)] = msgspec.field(default_factory=dict)
    requests: list[SavedRequest] = msgspec.field(default_factory=list)
    presets: Annotated[list[SavedPreset], Meta(max_length=MAX_PRESETS)] = msgspec.field(default_factory=list)


@dataclass
class SettingsFile:
    """`settings` may be changed freely; `save` writes them. `message` says what was wrong with the file, if anything."""

    path: Path
    settings: WindowSettings
    message: UserMessage | None = None

    @classmethod
    def load(cls, path: Path | None = None) -> "SettingsFile":
        path = path or default_path()
        try:
            return cls(path, _read(path))
        except FileNotFoundError:
            return cls(path, WindowSettings())
        except (OSError, msgspec.DecodeError, ValueError) as error:
            return cls(path, WindowSettings(), _set_aside(path, error))

    def save(self) -> None:
        """In one step, or not at all. That settings are lost is logged; it must not keep a window from closing."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            text = msgspec.json.format(msgspec.json.encode(self.settings), indent=2)
            platform.private_file(self.path, text + b"\n", durable=False)
        except OSError as error:
            log.error("the settings of the window cannot be saved: %s", error)


def default_path() -> Path:
    return Path(platformdirs.user_config_dir("faultdeck", appauthor=False)) / "window.json"


def to_text(state: bytes) -> str:
    return base64.b64encode(state).decode("ascii")


def from_text(text: str) -> bytes:
    """Empty for what is no base64."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def _read(path: Path) -> WindowSettings:
    with path.open("rb") as file:
        raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES} bytes")
    return msgspec.json.decode(raw, type=WindowSettings)


def _set_aside(path: Path, error: Exception) -> UserMessage:
    aside = path.with_name(f"{path.name}.broken")
    what = tr("The settings of the window could not be read and start afresh.")
    try:
        path.replace(aside)
    except OSError as failure:
        return UserMessage(what, str(failure), f"{path}: {error}")
    return UserMessage(what, tr("The old file is kept as {path}.", path=aside), f"{path}: {error}")
