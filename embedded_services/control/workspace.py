"""A workspace: the folder that holds all of one system. Databases, logs, settings, secrets, and who serves it now.

workspace.json   the settings, readable by people          data/   databases
settings-revision.json   how often they were changed
runtime.json     where it runs (0600)                      logs/   a file a process
jwt-secret       signs tokens (0600)                       lock    held by the control plane that serves it
"""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import msgspec

from embedded_services.common import platform
from embedded_services.common.resources import resource
from embedded_services.contracts.runtime import Runtime
from embedded_services.contracts.settings import Settings
from embedded_services.contracts.wire import Message
from embedded_services.control.earlier_settings import brought_up

MAX_SETTINGS_BYTES = 1 << 20
SECRET_BYTES = 32


class _Revision(Message, frozen=True):
    """`sha256` is of the settings' file that has this revision."""

    revision: int
    sha256: str


class WorkspaceError(Exception):
    """The workspace cannot be used. The message is for the user: one line, what is wrong and what to do."""


class Workspace:
    """Use it inside `with workspace.held():`, which makes the folder and keeps every other control plane out."""

    def __init__(self, path: Path) -> None:
        """Raises WorkspaceError for a path that leads nowhere."""
        try:
            self.path = path.expanduser().resolve()
        except (OSError, RuntimeError) as error:  # RuntimeError: no such user's home, or links in a circle
            raise WorkspaceError(f"cannot use {path} as a workspace: {error}") from error

    @property
    def settings_path(self) -> Path:
        return self.path / "workspace.json"

    @property
    def _revision_path(self) -> Path:
        return self.path / "settings-revision.json"

    @property
    def runtime_path(self) -> Path:
        return self.path / "runtime.json"

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the workspace's lock; the operating system lets go of it however this process ends."""
        try:
            for folder in (self.path, self.path / "data", self.path / "logs"):
                folder.mkdir(parents=True, exist_ok=True)
            lock = (self.path / "lock").open("a+b")
        except OSError as error:
            raise WorkspaceError(
                f"cannot write to the workspace {self.path}: {error.strerror}; choose another with --workspace"
            ) from error
        with lock, contextlib.ExitStack() as stack:
            try:
                stack.enter_context(platform.exclusive(lock))
            except BlockingIOError as error:
                raise WorkspaceError(
                    f"the workspace {self.path} is already being served{self._by_whom()}"
                ) from error
            except OSError as error:
                raise WorkspaceError(
                    f"cannot lock the workspace {self.path}: {error.strerror}; choose another with --workspace"
                ) from error
            yield

    def _by_whom(self) -> str:
        runtime = self.last_run()
        return f" by process {runtime.pid}, gateway {runtime.gateway}" if runtime else ""

    # --- settings -----------------------------------------------------------------------------------------------

    def load_settings(self) -> Settings:
        """What the workspace says (what an earlier version wrote is brought up), or the default content for a new one. Raises
        WorkspaceError."""
        try:
            default = msgspec.json.decode(
                resource("workspaces", "demo-shop.json").read_bytes(), type=Settings
            )
            if not self.settings_path.exists():
                return default
            if self.settings_path.stat().st_size > MAX_SETTINGS_BYTES:
                raise WorkspaceError(f"{self.settings_path} is larger than {MAX_SETTINGS_BYTES} bytes")
            text = self.settings_path.read_bytes()
            settings = msgspec.json.decode(text, type=Settings)
            return brought_up(settings, msgspec.json.decode(text), default)
        except OSError as error:
            raise WorkspaceError(f"cannot read {self.settings_path}: {error.strerror}") from error
        except (
            ValueError,
            RecursionError,
        ) as error:  # not JSON, not these types, not UTF-8, or nested without end
            raise WorkspaceError(
                f"{self.settings_path} is not valid: {error}; correct it, or move it away to start with the defaults"
            ) from error

    def save_settings(self, settings: Settings, revision: int) -> None:
        """In one step, or not at all. Raises OSError."""
        text = msgspec.json.format(msgspec.json.encode(settings), indent=2) + b"\n"
        platform.private_file(self.settings_path, text)
        kept = _Revision(revision=revision, sha256=hashlib.sha256(text).hexdigest())
        platform.private_file(self._revision_path, msgspec.json.encode(kept))

    def settings_revision(self) -> int:
        """The revision of what `load_settings` reads: 1 for a new workspace, and another than before if somebody changed the
        file (or we were ended between writing it and its revision)."""
        try:
            kept = msgspec.json.decode(self._revision_path.read_bytes(), type=_Revision)
            same = hashlib.sha256(self.settings_path.read_bytes()).hexdigest() == kept.sha256
        except (OSError, ValueError):
            return 1
        return kept.revision if same else kept.revision + 1

    def jwt_secret(self) -> str:
        """`JWT_SECRET` from the environment, else this workspace's own, made at its first start."""
        given = os.environ.get("JWT_SECRET")
        if given:
            if len(given.encode()) < SECRET_BYTES:
                raise WorkspaceError(f"JWT_SECRET is too short: HS256 needs at least {SECRET_BYTES} bytes")
            return given
        path = self.path / "jwt-secret"
        try:
            if not path.exists():
                platform.private_file(path, secrets.token_hex(SECRET_BYTES).encode())
            secret = path.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise WorkspaceError(f"cannot read or write {path}: {error}") from error
        if len(secret) < SECRET_BYTES:
            raise WorkspaceError(
                f"{path} is damaged; delete it to have a new one made (all tokens become invalid)"
            )
        return secret

    # --- the run --------------------------------------------------------------------------------------------------

    def last_run(self) -> Runtime | None:
        """What the last (or present) run wrote of itself; None when there is nothing usable."""
        try:
            return msgspec.json.decode(self.runtime_path.read_bytes(), type=Runtime)
        except (OSError, ValueError, RecursionError):
            return None

    def write_run(self, runtime: Runtime) -> None:
        platform.private_file(self.runtime_path, msgspec.json.encode(runtime), durable=False)

    def end_run(self) -> None:
        self.runtime_path.unlink(missing_ok=True)
