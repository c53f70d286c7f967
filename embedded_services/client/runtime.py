"""Finds a running system by its workspace: `runtime.json` says where it is and how to be let in."""

from pathlib import Path

import msgspec

from embedded_services.client.errors import NoRuntimeError
from embedded_services.contracts.runtime import Runtime

MAX_BYTES = 1 << 20


def read_runtime(workspace: Path) -> Runtime:
    """What the present run, or one that was killed, wrote of itself. Raises NoRuntimeError."""
    path = workspace / "runtime.json"
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise NoRuntimeError(f"no system runs on {workspace} (there is no runtime.json)") from None
    except OSError as error:
        raise NoRuntimeError(f"cannot read {path}: {error.strerror}") from error
    if len(raw) > MAX_BYTES:
        raise NoRuntimeError(f"{path} is damaged: larger than {MAX_BYTES} bytes")
    try:
        return msgspec.json.decode(raw, type=Runtime)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NoRuntimeError(f"{path} is damaged: {error}") from error
