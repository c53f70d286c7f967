"""The faults in force as they stand in the workspace, written before they act: what the next start reads if this one ends
without putting things right."""

import logging
from pathlib import Path

import msgspec

from embedded_services.common import platform
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.faults import Fault

MAX_BYTES = 4 << 20

log = logging.getLogger(__name__)


class Notes:
    """`faults.json`. A kill -9 loses nothing of it; a power cut may, but then nothing is left to be put right."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, faults: list[Fault]) -> None:
        """Raises ApiError INTERNAL_ERROR when it cannot be written; it is as it was then."""
        try:
            if faults:
                platform.private_file(self._path, msgspec.json.encode(faults), durable=False)
            else:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            raise ApiError("INTERNAL_ERROR", f"cannot write {self._path}: {error.strerror}") from error

    def take(self) -> list[Fault]:
        """What a previous run left, which is not there any more after that."""
        try:
            if not self._path.exists():
                return []
            if self._path.stat().st_size > MAX_BYTES:
                raise ValueError(f"it is larger than {MAX_BYTES} bytes")
            return msgspec.json.decode(self._path.read_bytes(), type=list[Fault])
        except (OSError, ValueError, RecursionError) as error:
            log.warning("%s cannot be read, and is passed over: %s", self._path, error)
            return []
        finally:
            try:
                self._path.unlink(missing_ok=True)
            except OSError as error:
                log.error("cannot remove %s: %s", self._path, error)
