import os
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from embedded_services.contracts.runtime import OwnProcess, Runtime
from embedded_services.control.workspace import MAX_SETTINGS_BYTES, Workspace, WorkspaceError
from tests.helpers.child import demo_settings
from tests.helpers.sources import ROOT

RUNTIME = Runtime(
    ready=True, version="1", gateway="http://127.0.0.1:3000", control="http://127.0.0.1:4000", token="t",
    broker=None, workspace="/w", pid=77, started_at=1.0,
    processes=[OwnProcess(name="control", pid=77, started_at=1.0)],
)  # fmt: skip


@pytest.fixture(autouse=True)
def no_secret_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JWT_SECRET", raising=False)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "w")
    with workspace.held():
        pass
    return workspace


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def complaint(error: pytest.ExceptionInfo[WorkspaceError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_folders_are_made(tmp_path: Path) -> None:
    with Workspace(tmp_path / "a" / "b").held():
        assert {path.name for path in (tmp_path / "a" / "b").iterdir()} == {"data", "logs", "lock"}


@pytest.mark.parametrize("relative", [Path("w"), Path("a/../w"), Path("~/w")])
def test_path_is_made_absolute(tmp_path: Path, relative: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Workspace(relative).path == (tmp_path / "w").resolve()


@pytest.mark.parametrize("path", ["~no-such-user-here/w", "circle/w"])
def test_path_that_leads_nowhere_is_one_line(
    tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(WorkspaceError) as error:
        Workspace(Path(path))
    assert "cannot use" in complaint(error)


@pytest.mark.parametrize("taken", ["", "data", "logs", "lock"])
def test_folder_that_cannot_be_written_is_one_line(tmp_path: Path, taken: str) -> None:
    """A file is in the way of a folder, or a folder in the way of a file: true for root, too."""
    path = tmp_path / "w"
    if taken == "lock":
        (path / "lock").mkdir(parents=True)
    elif taken:
        path.mkdir()
        (path / taken).write_text("in the way")
    else:
        path.write_text("in the way")
    with pytest.raises(WorkspaceError) as error, Workspace(path).held():
        pytest.fail("held")
    assert f"cannot write to the workspace {path}" in complaint(error)
    assert "--workspace" in complaint(error)


def test_second_holder_is_refused_and_told_by_whom(workspace: Workspace) -> None:
    with workspace.held():
        with pytest.raises(WorkspaceError) as error, Workspace(workspace.path).held():
            pytest.fail("held twice")
        assert complaint(error) == f"the workspace {workspace.path} is already being served"
        workspace.write_run(RUNTIME)
        with pytest.raises(WorkspaceError) as error, Workspace(workspace.path).held():
            pytest.fail("held twice")
        assert complaint(error).endswith("already being served by process 77, gateway http://127.0.0.1:3000")
    with Workspace(workspace.path).held():
        pass


HOLD = """
import sys
from pathlib import Path
from embedded_services.control.workspace import Workspace
with Workspace(Path(sys.argv[1])).held():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_lock_is_gone_with_a_process_that_was_killed(workspace: Workspace) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(workspace.path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(WorkspaceError), workspace.held():
            pytest.fail("held twice")
        holder.kill()
        holder.wait()
        with workspace.held():
            pass


# --- settings -------------------------------------------------------------------------------------------------------


def test_new_workspace_has_the_default_content(workspace: Workspace) -> None:
    assert workspace.load_settings() == demo_settings()
    assert not workspace.settings_path.exists()


def test_saved_settings_are_loaded(workspace: Workspace) -> None:
    settings = msgspec.structs.replace(demo_settings(), name="mine")
    workspace.save_settings(settings, 2)
    assert workspace.load_settings() == settings
    assert workspace.settings_path.read_text().count("\n") > 20, "people read it"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not valid"),
        (b"{", "is not valid"),
        (b"nonsense", "is not valid"),
        (b"\x00" * 100, "is not valid"),
        (b"\xff\xfe{}", "is not valid"),
        (b'{"name": "\xff"}', "is not valid"),
        (b"[]", "is not valid"),
        (b"{}", "missing required field `name`"),
        (b'{"name": "x", "services": 7, "routes": []}', "$.services"),
        (b'{"name": "x", "services": {"Bad Name": {"kind": "user"}}, "routes": []}', "is not valid"),
        (b'{"name": "x", "services": {}, "routes": [], "misspelt": 1}', "unknown field `misspelt`"),
        (b'{"name":' * 50_000, "is not valid"),
        (b'{"name": "x", "services":' + b"[" * 50_000, "is not valid"),
        (b" " * (MAX_SETTINGS_BYTES + 1), f"is larger than {MAX_SETTINGS_BYTES} bytes"),
    ],
)
def test_corrupt_settings_are_one_line_and_left_as_they_are(
    workspace: Workspace, content: bytes, said: str
) -> None:
    workspace.settings_path.write_bytes(content)
    with pytest.raises(WorkspaceError) as error:
        workspace.load_settings()
    assert said in complaint(error)
    assert str(workspace.settings_path) in complaint(error)
    assert workspace.settings_path.read_bytes() == content


def test_settings_that_cannot_be_read_are_one_line(workspace: Workspace) -> None:
    workspace.settings_path.mkdir()
    with pytest.raises(WorkspaceError) as error:
        workspace.load_settings()
    assert "cannot read" in complaint(error)


def test_save_that_fails_leaves_the_old_settings(workspace: Workspace) -> None:
    workspace.save_settings(demo_settings(), 2)
    before = workspace.settings_path.read_bytes()
    in_the_way = workspace.settings_path.with_name(f".workspace.json.{os.getpid()}")
    in_the_way.mkdir()
    with pytest.raises(OSError, match="directory"):
        workspace.save_settings(msgspec.structs.replace(demo_settings(), name="mine"), 3)
    assert workspace.settings_path.read_bytes() == before
    assert workspace.settings_revision() == 2


def test_the_revision_of_the_settings_outlives_the_run(workspace: Workspace) -> None:
    assert workspace.settings_revision() == 1
    workspace.save_settings(demo_settings(), 41)
    assert Workspace(workspace.path).settings_revision() == 41


def test_settings_that_somebody_edited_are_another_revision(workspace: Workspace) -> None:
    workspace.save_settings(demo_settings(), 41)
    workspace.settings_path.write_text(workspace.settings_path.read_text().replace("demo-shop", "mine"))
    assert workspace.settings_revision() == 42
    (workspace.path / "settings-revision.json").write_text("nonsense")
    assert workspace.settings_revision() == 1


# --- secrets --------------------------------------------------------------------------------------------------------


def test_secret_is_made_once_for_its_owner_only(workspace: Workspace) -> None:
    secret = workspace.jwt_secret()
    assert len(secret) == 64
    assert workspace.jwt_secret() == secret
    assert mode(workspace.path / "jwt-secret") == 0o600


def test_every_workspace_has_a_secret_of_its_own(workspace: Workspace, tmp_path: Path) -> None:
    other = Workspace(tmp_path / "other")
    with other.held():
        assert other.jwt_secret() != workspace.jwt_secret()


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 64])
def test_damaged_secret_is_one_line_and_left_as_it_is(workspace: Workspace, content: bytes) -> None:
    path = workspace.path / "jwt-secret"
    path.write_bytes(content)
    with pytest.raises(WorkspaceError) as error:
        workspace.jwt_secret()
    assert str(path) in complaint(error)
    assert path.read_bytes() == content


def test_secret_from_the_environment_wins_and_is_not_written_down(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_SECRET", "from-outside-" * 3)
    assert workspace.jwt_secret() == "from-outside-" * 3
    assert not (workspace.path / "jwt-secret").exists()


def test_short_secret_from_the_environment_is_refused(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_SECRET", "x" * 31)
    with pytest.raises(WorkspaceError) as error:
        workspace.jwt_secret()
    assert "at least 32 bytes" in complaint(error)


# --- the run --------------------------------------------------------------------------------------------------------


def test_run_is_written_for_its_owner_only_and_taken_away(workspace: Workspace) -> None:
    assert workspace.last_run() is None
    workspace.write_run(RUNTIME)
    assert workspace.last_run() == RUNTIME
    assert mode(workspace.runtime_path) == 0o600
    workspace.end_run()
    workspace.end_run()
    assert workspace.last_run() is None


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"{}", b'{"pid": "x"}', b'{"version": "\xff"}', b'{"a":' * 50_000]
)
def test_corrupt_run_is_as_none(workspace: Workspace, content: bytes) -> None:
    workspace.runtime_path.write_bytes(content)
    assert workspace.last_run() is None
