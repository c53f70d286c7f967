"""A disk that fails to keep what it was given is not believed when it says later that it has it."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded_services.broker.store_file import StoreError, StoreFile


class Disk:
    def __init__(self) -> None:
        self.fails = False
        self.flushed = 0

    def flush(self, _: int) -> None:
        if self.fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self.flushed += 1


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def file(tmp_path: Path, disk: Disk) -> Iterator[StoreFile]:
    file = StoreFile(tmp_path / "broker.db", disk.flush)
    yield file
    file.close()


def add(db: sqlite3.Connection) -> None:
    db.execute("INSERT INTO exchanges VALUES (hex(randomblob(8)), 'direct', 0, 0, x'')")


def rows(file: StoreFile) -> int:
    (count,) = file.db.execute("SELECT COUNT(*) FROM exchanges").fetchone()
    return int(count)


def test_the_disk_is_asked_once_for_all_that_was_written(file: StoreFile, disk: Disk) -> None:
    file.sync()
    disk.flushed = 0
    file.write(add)
    file.write(add)
    assert file.is_behind
    file.sync()
    file.sync()
    assert (disk.flushed, file.is_behind, rows(file)) == (1, False, 2)


def test_a_change_that_fails_leaves_nothing(file: StoreFile) -> None:
    def half(db: sqlite3.Connection) -> None:
        add(db)
        db.execute("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(StoreError, match="no such table"):
        file.write(half)
    assert rows(file) == 0
    file.write(add)
    assert rows(file) == 1


def test_after_a_failed_flush_another_one_is_not_enough(file: StoreFile, disk: Disk, tmp_path: Path) -> None:
    file.write(add)
    disk.fails = True
    with pytest.raises(StoreError, match="Input/output"):
        file.sync()
    disk.fails, disk.flushed = False, 0
    with pytest.raises(StoreError, match="did not keep"):
        file.sync()
    assert (disk.flushed, file.is_behind) == (0, True)
    file.mend()
    assert not file.is_behind
    copy = tmp_path / "copy.db"  # without its log
    copy.write_bytes((tmp_path / "broker.db").read_bytes())
    db = sqlite3.connect(copy)
    assert db.execute("SELECT COUNT(*) FROM exchanges").fetchone() == (1,)
    db.close()
    file.write(add)
    file.sync()
    assert disk.flushed == 1
