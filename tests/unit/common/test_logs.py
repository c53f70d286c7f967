import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded_services.common import logs


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[logging.Logger]:
    """The root logger as it was, after each test."""
    root = logging.getLogger()
    levels = {name: logging.getLogger(name).level for name in ("asyncio", "aiohttp.access")}
    before, level = root.handlers[:], root.level
    root.handlers[:] = []
    yield root
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = before
    root.setLevel(level)
    for name, old in levels.items():
        logging.getLogger(name).setLevel(old)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_line_is_one_json_object_with_process_and_logger(tmp_path: Path) -> None:
    logs.log_to_file("a-1", tmp_path / "logs" / "a-1.log")
    logging.getLogger("some.part").info("took %d ms\nin all", 5)
    (line,) = lines(tmp_path / "logs" / "a-1.log")
    assert line.pop("at")
    assert line == {"level": "INFO", "process": "a-1", "logger": "some.part", "message": "took 5 ms\nin all"}


def test_exception_is_written_with_its_traceback(tmp_path: Path) -> None:
    logs.log_to_file("a-1", tmp_path / "a-1.log")
    try:
        raise ValueError("odd")
    except ValueError:
        logging.getLogger("some.part").exception("failed")
    (line,) = lines(tmp_path / "a-1.log")
    assert "ValueError: odd" in str(line["trace"])


def test_second_set_up_replaces_the_first(tmp_path: Path) -> None:
    logs.log_to_file("a", tmp_path / "a.log")
    logs.log_to_file("b", tmp_path / "b.log")
    logging.getLogger("some.part").warning("once")
    assert lines(tmp_path / "a.log") == []
    assert len(lines(tmp_path / "b.log")) == 1


def test_terminal_gets_readable_lines_on_stderr_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.log_to_terminal_and_file("control", tmp_path / "control.log")
    logging.getLogger("some.part").warning("look here")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.rstrip().endswith("WARNING look here")
    assert sys.stderr.writable()


def test_file_does_not_grow_without_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_BYTES", 2000)
    logs.log_to_file("a", tmp_path / "a.log")
    for number in range(200):
        logging.getLogger("some.part").info("line %d", number)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(sizes) == {"a.log", "a.log.1"}
    assert max(sizes.values()) <= 2000
