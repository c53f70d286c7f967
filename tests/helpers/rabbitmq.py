"""A private node of Debian's rabbitmq-server: its own name, ports, data and port mapper; no plugin is enabled.

The server script is told that systemd runs it, because then it becomes the server itself instead of starting it: so the
kernel ends the server with the tests. The port mapper is ours from the start, for the same reason.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.helpers.broker_node import BrokerNode, spawn
from tests.helpers.ports import free_port

SERVER: Final = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
CONTROL: Final = SERVER.with_name("rabbitmqctl")
_CONFIG: Final = """
listeners.tcp.local = 127.0.0.1:{port}
log.console = false
disk_free_limit.absolute = 1MB
"""


def need_rabbitmq() -> None:
    """Skips the test where there is no RabbitMQ; where `CI` is set, that is a failure."""
    if SERVER.exists() and shutil.which("epmd"):
        return
    why = "RabbitMQ is missing; run: sudo RUNLEVEL=1 apt-get install -y rabbitmq-server"
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


class RabbitNode(BrokerNode):
    name = "rabbitmq"
    start_s = 60.0

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._epmd_port, self._dist_port = free_port(), free_port()
        self._epmd: subprocess.Popen[bytes] | None = None
        (folder / "rabbitmq.conf").write_text(_CONFIG.format(port=self.port))
        (folder / "plugins").write_text("[].\n")

    @property
    def _environment(self) -> dict[str, str]:
        folder = str(self.folder)
        return {
            "HOME": folder,
            "RUNNING_UNDER_SYSTEMD": "true",
            "RABBITMQ_NODENAME": f"faultdeck-{self.port}@localhost",
            "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    def _launch(self) -> subprocess.Popen[bytes]:
        if self._epmd is None:
            self._epmd = spawn(["epmd"], self.folder, "epmd.log", self._environment)
        return spawn([str(SERVER)], self.folder, "broker.log", self._environment)

    def hold_publishers(self) -> None:
        self._control("set_vm_memory_high_watermark", "absolute", "1")

    def release_publishers(self) -> None:
        self._control("set_vm_memory_high_watermark", "0.6")

    def _control(self, *command: str) -> None:
        subprocess.run(
            [str(CONTROL), *command],
            env={**os.environ, **self._environment},
            check=True,
            capture_output=True,
            timeout=30,
        )

    def end(self) -> None:
        """For good."""
        self.stop()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()
            self._epmd = None
