import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from embedded_services.common.write_ahead_log import PAGE, extend_log, log_of

PAGES = 50


def opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(f"PRAGMA wal_autocheckpoint = {PAGES}")
    db.execute("CREATE TABLE IF NOT EXISTS lines (number INTEGER PRIMARY KEY)")
    return db


def test_log_has_its_length_from_the_beginning_and_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(opened(path)) as db:
        extend_log(path, PAGES)
        full = log_of(path).stat().st_size
        assert full == PAGES * PAGE
        for number in range(3 * PAGES):
            db.execute("INSERT INTO lines VALUES (?)", (number,))
            assert log_of(path).stat().st_size == full


@pytest.mark.parametrize("commits", [0, 1, 20, 3 * PAGES])
def test_after_a_crash_what_was_committed_is_there_and_nothing_else(tmp_path: Path, commits: int) -> None:
    path, after = tmp_path / "a.db", tmp_path / "after.db"
    with closing(opened(path)) as db:
        extend_log(path, PAGES)
        for number in range(commits):
            db.execute("INSERT INTO lines VALUES (?)", (number,))
        db.execute("BEGIN")
        db.execute("INSERT INTO lines VALUES (-1)")
        for before, copy in ((path, after), (log_of(path), log_of(after))):
            shutil.copyfile(before, copy)
    with closing(opened(after)) as db:
        assert [number for (number,) in db.execute("SELECT number FROM lines")] == list(range(commits))
        extend_log(after, PAGES)
        db.execute("INSERT INTO lines VALUES (1000)")
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("SELECT COUNT(*) FROM lines").fetchone() == (commits + 1,)


def test_longer_log_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(opened(path)):
        extend_log(path, 2 * PAGES)
        extend_log(path, PAGES)
        assert log_of(path).stat().st_size == 2 * PAGES * PAGE
