"""Starts that cannot succeed: one clear line, a non-zero exit, nothing lost and nothing left."""

import socket
from pathlib import Path

from tests.helpers.system import launch, running_system


async def refused(workspace: Path, *options: str) -> tuple[int, str]:
    """Start what must fail. Returns the exit code and the last line on stderr."""
    started = await launch(workspace, *options)
    try:
        code = await started.exit_code()
        assert await started.gone() == []
        errors = started.errors()
        assert "Traceback" not in errors
        assert started.process.stdout is not None
        assert await started.process.stdout.read() == b""
        return code, errors.strip().splitlines()[-1]
    finally:
        await started.end()


async def test_a_second_start_on_a_workspace_is_refused_and_names_the_first(tmp_path: Path) -> None:
    async with running_system(tmp_path / "ws") as system:
        code, line = await refused(tmp_path / "ws")
        assert code == 1
        assert "already being served" in line
        assert str(system.launch.process.pid) in line
        assert (await system.gateway.get("/health")).status_code == 200


async def test_an_explicit_gateway_port_that_is_taken_is_an_error(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, line = await refused(tmp_path / "ws", "--gateway-port", str(port))
    assert code == 1
    assert f"port {port} is taken" in line


async def test_settings_that_are_not_valid_are_named_and_left_alone(tmp_path: Path) -> None:
    workspace = tmp_path / "ws"
    workspace.mkdir()
    for text, named in (("{", "workspace.json"), ('{"name":"x","services":{},"routes":[{}]}', "routes[0]")):
        (workspace / "workspace.json").write_text(text)
        code, line = await refused(workspace)
        assert code == 1
        assert named in line
        assert (workspace / "workspace.json").read_text() == text


async def test_a_database_that_is_corrupt_is_named_and_left_alone(tmp_path: Path) -> None:
    database = tmp_path / "ws" / "data" / "users.db"
    database.parent.mkdir(parents=True)
    database.write_bytes(b"this is no database" * 100)
    code, line = await refused(tmp_path / "ws")
    assert code == 1
    assert "user-" in line
    assert "users.db" in line
    assert database.read_bytes() == b"this is no database" * 100


async def test_a_workspace_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    code, line = await refused(tmp_path / "file" / "ws")
    assert code == 1
    assert "--workspace" in line


async def test_wrong_options_end_with_2_and_one_line(tmp_path: Path) -> None:
    for options in (
        ("--gateway-port", "70000"),
        ("--replicas", "x"),
        ("--broker-url", "http://x"),
        ("--nonsense",),
    ):
        code, line = await refused(tmp_path / "ws", *options)
        assert code == 2
        assert options[0] in line
