"""Whether it is worth asking for a window that is open already."""

import sys
from pathlib import Path

import pytest

from app.core.early import start_early
from app.core.first_window import may_be_open, name_of


def test_each_workspace_has_a_name_of_its_own(tmp_path: Path) -> None:
    assert name_of(tmp_path / "a") == name_of(tmp_path / "a")
    assert name_of(tmp_path / "a") != name_of(tmp_path / "b")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere it is always tried")
def test_a_window_may_be_open_where_one_listens_or_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert may_be_open(tmp_path / "shop") is False
    (tmp_path / name_of(tmp_path / "shop")).touch()
    assert may_be_open(tmp_path / "shop") is True


def test_a_workspace_that_cannot_be_written_is_left_to_the_window(tmp_path: Path) -> None:
    (tmp_path / "shop").touch()
    assert start_early(tmp_path / "shop") is None
