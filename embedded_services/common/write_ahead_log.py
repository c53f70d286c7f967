"""The length of an SQLite file's write-ahead log."""

import os
from pathlib import Path
from typing import Final

PAGE: Final = 4_200
"""A page of 4 KiB and what stands before it in the log, rounded up."""


def log_of(database: Path) -> Path:
    return database.with_name(f"{database.name}-wal")


def extend_log(database: Path, pages: int) -> None:
    """Give the log of an open database its full length at once: to overwrite a file costs the disk half of what it costs to
    make it longer. Zeros behind its end are nothing to SQLite: no frame begins with them. To be called before others
    write, by whoever has the database to itself; raises OSError."""
    log = os.open(log_of(database), os.O_RDWR)
    try:
        size, full = os.fstat(log).st_size, pages * PAGE
        if size < full:
            os.lseek(log, size, os.SEEK_SET)
            os.write(log, bytes(full - size))
    finally:
        os.close(log)
