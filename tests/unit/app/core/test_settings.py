"""What the window remembers survives everything but itself: a broken file is set aside, never a crash."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.settings import MAX_BYTES, SettingsFile, WindowSettings, from_text, to_text


def test_what_was_saved_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "window.json"
    file = SettingsFile.load(path)
    assert (file.settings, file.message) == (WindowSettings(), None)
    file.settings.theme = "light"
    file.settings.filters = {"services/filter": "pay"}
    file.settings.geometry = to_text(b"\x01\xff")
    file.save()
    again = SettingsFile.load(path)
    assert again.settings == file.settings
    assert from_text(again.settings.geometry) == b"\x01\xff"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b'{"theme":"pink"}',
        b'{"filters":3}',
        b" " * (MAX_BYTES + 1),
        b"[" * 100_000,
    ],
    ids=["empty", "cut", "no text", "a list", "no theme", "no filters", "too large", "too deep"],
)
def test_a_broken_file_is_set_aside_and_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "window.json"
    path.write_bytes(content)
    file = SettingsFile.load(path)
    assert file.settings == WindowSettings()
    assert file.message is not None
    assert str(tmp_path / "window.json.broken") in file.message.hint
    assert (tmp_path / "window.json.broken").read_bytes() == content
    file.save()
    assert SettingsFile.load(path).message is None


def test_settings_of_a_newer_version_are_read_as_far_as_they_are_known(tmp_path: Path) -> None:
    path = tmp_path / "window.json"
    path.write_text('{"version": 9, "theme": "dark", "sound": true}')
    assert SettingsFile.load(path).settings.theme == "dark"


def test_settings_that_cannot_be_saved_do_not_keep_the_window_from_closing(
    tmp_path: Path, expect_log: Callable[[str], None]
) -> None:
    expect_log("settings of the window cannot be saved")
    (tmp_path / "file").write_text("")
    SettingsFile(tmp_path / "file" / "window.json", WindowSettings()).save()


def test_what_is_no_base64_is_nothing() -> None:
    assert from_text("not base64!") == b""
