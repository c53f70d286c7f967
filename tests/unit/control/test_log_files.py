import os
from pathlib import Path

import msgspec
import pytest

from embedded_services.contracts.logs import LogEntry
from embedded_services.control.log_files import FIRST_BYTES, LogFiles, parse
from tests.helpers.clock import FakeClock


def line(message: str, at: float = 1.0, process: str = "user-1") -> bytes:
    entry = LogEntry(at=at, level="INFO", process=process, logger="x", message=message)
    return msgspec.json.encode(entry) + b"\n"


class Logs:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes = ["user-1", "user-2"]
        self.changes = 0
        self.files = LogFiles(folder, lambda: self.processes, FakeClock(), self._changed)

    def _changed(self) -> None:
        self.changes += 1

    def write(self, data: bytes, process: str = "user-1") -> None:
        with (self.folder / f"{process}.log").open("ab") as file:
            file.write(data)

    def look(self) -> list[str]:
        """The messages that this look brought."""
        seen = self.files.ring.last_seq
        self.files.look()
        return [entry.message for entry in self.files.ring.newest_after(seq=seen, limit=1_000_000).items]


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    return Logs(tmp_path)


def test_each_line_is_read_once(logs: Logs) -> None:
    assert logs.look() == []
    logs.write(line("a") + line("b"))
    assert logs.look() == ["a", "b"]
    assert logs.look() == []
    logs.write(line("c"))
    assert logs.look() == ["c"]


def test_lines_of_all_processes_are_put_in_order_of_time(logs: Logs) -> None:
    logs.write(line("1", at=1.0) + line("4", at=4.0))
    logs.write(line("2", at=2.0) + line("3", at=3.0), "user-2")
    assert logs.look() == ["1", "2", "3", "4"]


def test_unfinished_line_waits_for_its_end(logs: Logs) -> None:
    whole = line("späte Zeile")
    for cut in range(1, len(whole)):
        logs.write(whole[:cut])
        assert logs.look() == []
        logs.write(whole[cut:])
        assert logs.look() == ["späte Zeile"]


def test_what_is_no_log_line_is_shown_as_output_of_its_process() -> None:
    junk = [b"Segmentation fault", b"\xff\xfe", b"[1, 2]", b'{"at": 1}', b'{"a":' * 5000, b"", b"   "]
    entries = list(parse("user-1", junk, 42.0))
    assert [(entry.at, entry.process, entry.logger) for entry in entries] == [(42.0, "user-1", "output")] * 5
    assert entries[0].message == "Segmentation fault"
    assert all(len(entry.message) <= 2000 for entry in entries)


def test_file_that_was_rotated_is_read_from_its_beginning(logs: Logs) -> None:
    logs.write(line("old" * 100))
    logs.look()
    os.replace(logs.folder / "user-1.log", logs.folder / "user-1.log.1")
    logs.write(line("new"))
    assert logs.look() == ["new"]


def test_file_that_was_cut_off_is_read_from_its_beginning(logs: Logs) -> None:
    logs.write(line("old" * 100))
    logs.look()
    (logs.folder / "user-1.log").write_bytes(line("new"))
    assert logs.look() == ["new"]


def test_of_an_old_file_only_the_end_is_read_from_a_whole_line_on(logs: Logs) -> None:
    logs.write(line("x" * 1000) * (FIRST_BYTES // 500) + line("last"))
    seen = logs.look()
    assert seen[-1] == "last"
    assert set(seen[:-1]) == {"x" * 1000}
    assert len(seen) < FIRST_BYTES / 1000


def test_process_that_comes_later_is_read_too_and_one_that_left_no_more(logs: Logs) -> None:
    logs.look()
    logs.processes.append("user-3")
    logs.write(line("hello"), "user-3")
    assert logs.look() == ["hello"]
    logs.processes.remove("user-3")
    logs.write(line("anybody?"), "user-3")
    assert logs.look() == []


def test_who_looks_is_told_only_of_news(logs: Logs) -> None:
    logs.files.look()
    logs.write(line("a") + line("b"))
    logs.files.look()
    logs.files.look()
    assert logs.changes == 1
