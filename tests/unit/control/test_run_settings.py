from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from embedded_services.control.options import Options
from embedded_services.control.run_settings import open_settings
from embedded_services.control.workspace import Workspace, WorkspaceError
from tests.helpers.child import demo_settings


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    workspace = Workspace(tmp_path)
    with workspace.held():
        yield workspace


def options(workspace: Workspace, replicas: int | None = None) -> Options:
    return Options(
        workspace=workspace.path,
        gateway_port=None,
        replicas=replicas,
        broker_url=None,
        ready_file=None,
        nice=0,
    )


def replicas_of(settings: Any) -> dict[str, int]:
    return {name: service.replicas for name, service in settings.services.items()}


def test_settings_are_the_workspace_s(workspace: Workspace) -> None:
    mine = msgspec.structs.replace(demo_settings(), name="mine")
    workspace.save_settings(mine, 5)
    store = open_settings(workspace, options(workspace))
    assert (store.current, store.state.revision) == (mine, 5)


def test_replicas_of_the_command_line_hold_for_this_run_and_are_not_saved(workspace: Workspace) -> None:
    store = open_settings(workspace, options(workspace, replicas=5))
    assert set(replicas_of(store.current).values()) == {5}
    store.patch({"name": "renamed", "services": {"user": {"replicas": 3}}})
    assert replicas_of(store.current) == {"user": 3, "order": 5, "payment": 5, "notification": 5}
    assert replicas_of(workspace.load_settings()) == {"user": 3, "order": 2, "payment": 2, "notification": 2}
    assert workspace.load_settings().name == "renamed"


def test_without_that_option_what_is_in_force_is_what_is_saved(workspace: Workspace) -> None:
    store = open_settings(workspace, options(workspace))
    store.patch({"services": {"user": {"replicas": 3}}})
    assert workspace.load_settings() == store.current


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "nothing"}, "services.user.kind: there is no such kind"),
        ({"port": 65535}, "services.user.port: must be at most 65525, to leave room for 2 replicas"),
    ],
)
def test_settings_that_cannot_be_put_in_force_are_one_line(
    workspace: Workspace, change: dict[str, Any], said: str
) -> None:
    raw = msgspec.to_builtins(demo_settings())
    raw["services"]["user"] |= change
    workspace.settings_path.write_bytes(msgspec.json.encode(raw))
    with pytest.raises(WorkspaceError) as error:
        open_settings(workspace, options(workspace))
    assert str(error.value).startswith(f"{workspace.settings_path} is not valid: {said}")
    assert "\n" not in str(error.value)


def test_more_replicas_than_there_are_ports_are_refused_too(workspace: Workspace) -> None:
    raw = msgspec.to_builtins(demo_settings())
    raw["services"]["user"] |= {"port": 65000}
    workspace.settings_path.write_bytes(msgspec.json.encode(raw))
    with pytest.raises(WorkspaceError, match="room for 64 replicas"):
        open_settings(workspace, options(workspace, replicas=64))
