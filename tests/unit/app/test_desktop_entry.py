"""What the desktop entry says, and which files come and go with it."""

from pathlib import Path

import pytest
from PySide6.QtGui import QImage

from app import desktop_entry
from app.core.options import parse
from app.desktop_entry import Start, entry_path, entry_text, exec_value, icon_paths, install, remove
from embedded_services.common.resources import resource


def files(folder: Path) -> set[Path]:
    """Without the cache that the desktop's own program keeps."""
    return {path for path in folder.rglob("*") if path.is_file() and path.name != "mimeinfo.cache"}


@pytest.mark.parametrize(
    ("argv", "value"),
    [
        (["/usr/bin/python3", "-m", "app"], "/usr/bin/python3 -m app"),
        (["/opt/my tools/python"], '"/opt/my tools/python"'),
        (["/a", "100%"], "/a 100%%"),
        (["/a", 'say "hi"'], r'/a "say \\"hi\\""'),
        (["/a", "$HOME", "`id`"], r'/a "\\$HOME" "\\`id\\`"'),
        (["/a", "back\\slash"], r'/a "back\\\\slash"'),
        (["/a", "two\nlines"], r'/a "two\nlines"'),
        (["/a", ""], '/a ""'),
        (["/a", "größe"], '/a "größe"'),
    ],
)
def test_command_is_quoted_as_the_specification_says(argv: list[str], value: str) -> None:
    assert exec_value(argv) == value


def test_entry_names_program_and_folder() -> None:
    lines = entry_text(Start(("/py thon", "-m", "app"), "/a checkout")).splitlines()
    assert lines[0] == "[Desktop Entry]"
    assert 'Exec="/py thon" -m app' in lines
    assert "TryExec=/py thon" in lines
    assert "Path=/a checkout" in lines
    assert not any(line.startswith("Path=") for line in entry_text(Start(("/bin/x",))).splitlines())


def test_checkout_is_started_in_its_folder_by_a_python_that_outlives_its_environment() -> None:
    start = desktop_entry.start_of_this(["--workspace", "/w"])
    assert start.argv[1:] == ("-m", "app", "--workspace", "/w")
    assert start.folder == str(resource().parent)
    assert not start.argv[0].startswith(str(resource().parent))
    assert Path(start.argv[0]).is_file()


def test_icons_are_drawn_in_every_size(tmp_path: Path) -> None:
    written = install(tmp_path, Start(("/bin/true",)))
    assert files(tmp_path) == set(written)
    for path, size in icon_paths(tmp_path).items():
        if size is None:
            assert path.read_bytes() == resource("icons", "faultdeck.svg").read_bytes()
        else:
            image = QImage(str(path))
            assert (image.width(), image.height()) == (size, size)
            assert image.pixelColor(size // 2, size // 2).alpha() == 255
            assert image.pixelColor(0, 0).alpha() == 0, "the corners are round"


def test_what_was_written_is_removed_and_nothing_else(tmp_path: Path) -> None:
    install(tmp_path, Start(("/bin/true",)))
    others = [
        entry_path(tmp_path).with_name("other.desktop"),
        next(iter(icon_paths(tmp_path))).with_name("o.svg"),
    ]
    for path in others:
        path.touch()
    install(tmp_path, Start(("/bin/false",)))
    assert "Exec=/bin/false" in entry_path(tmp_path).read_text()
    assert len(remove(tmp_path)) == len(icon_paths(tmp_path)) + 1
    assert files(tmp_path) == set(others)
    assert remove(tmp_path) == []


def test_each_action_says_what_it_did_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    for action, words in (
        ("install", "wrote {entry} and 8 icons in"),
        ("remove", "removed {entry} and 8 icons in"),
        ("remove", "there is nothing to remove: {entry} does not exist"),
    ):
        assert desktop_entry.run(action, [], platform="linux") == 0
        said = capsys.readouterr()
        assert said.err == ""
        assert said.out.count("\n") == 1
        assert words.format(entry=entry_path(tmp_path)) in said.out


def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "icons").touch()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert desktop_entry.run("install", [], platform="linux") == 1
    assert capsys.readouterr().err.startswith(f"faultdeck: cannot change {tmp_path / 'icons'}")


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_platforms_are_told_how_to_start(
    platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert desktop_entry.run("install", [], platform=platform) == 1
    assert "start the window with: python3 -m app" in capsys.readouterr().err
    assert files(tmp_path) == set()


def test_data_folder_that_is_not_absolute_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert desktop_entry.data_home() == tmp_path / ".local" / "share"


def test_a_later_start_is_given_the_workspace_if_it_was_chosen(tmp_path: Path) -> None:
    assert parse(["--install-desktop-entry"]).again == ()
    chosen = parse(["--install-desktop-entry", "--workspace", str(tmp_path)])
    assert chosen.again == ("--workspace", str(tmp_path))
    assert (chosen.entry, parse([]).entry) == ("install", None)
    with pytest.raises(SystemExit):
        parse(["--install-desktop-entry", "--remove-desktop-entry"])
