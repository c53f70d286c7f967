"""A broker as its own process, that a test may kill, freeze and start again on the same port with the same data.

Nothing of it outlives the tests, also when they are killed: the kernel ends it with its parent.
"""

import os
import signal
import socket
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pamqp.header import ProtocolHeader

from embedded_services.common.platform import die_with_parent
from tests.helpers.ports import free_port

USER: Final = "guest"
PASSWORD: Final = "guest"
ROOT: Final = Path(__file__).resolve().parents[2]
LOOK_S: Final = 0.02
END_S: Final = 10.0


def spawn(
    command: Sequence[str], folder: Path, log: str, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """A process whose output goes to the file `log`, and which ends with this one."""
    with (folder / log).open("ab") as out:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            preexec_fn=die_with_parent,
        )


class BrokerNode(ABC):
    """`name` says which broker it is, `folder` holds its data and its log. A node begins stopped."""

    name: str
    start_s = 5.0

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"amqp://{USER}:{PASSWORD}@127.0.0.1:{self.port}/"

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} is not running"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None

    @abstractmethod
    def _launch(self) -> subprocess.Popen[bytes]: ...

    @abstractmethod
    def hold_publishers(self) -> None:
        """Bring it into a state in which it is short of memory."""

    @abstractmethod
    def release_publishers(self) -> None: ...

    def log(self) -> str:
        return (self.folder / "broker.log").read_text(errors="replace")

    def start(self) -> None:
        """Returns when it speaks AMQP."""
        assert self._process is None, f"{self.name} runs already"
        self._process = self._launch()
        for _ in range(int(self.start_s / LOOK_S)):
            if self._speaks():
                return
            if self._ended_within(LOOK_S):
                break
        self.stop()
        raise AssertionError(f"{self.name} did not start: {self.log()[-2000:]}")

    def _speaks(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=self.start_s) as sock:
                sock.sendall(ProtocolHeader(0, 9, 1).marshal())
                return bool(sock.recv(1))
        except OSError:
            return False

    def _ended_within(self, seconds: float) -> bool:
        assert self._process is not None
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """At once, without a chance to do anything more."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        """Ask it to end; make it, if it does not."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        if not self._ended_within(END_S):
            self._process.kill()
        self._process.wait()
        self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


class EmbeddedNode(BrokerNode):
    """`options` are those of the runner."""

    name = "embedded"

    def __init__(self, folder: Path, *options: str) -> None:
        super().__init__(folder)
        self._options = options

    @property
    def store(self) -> Path:
        return self.folder / "broker.db"

    def _launch(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.helpers.broker_runner", str(self.store), str(self.port)]
        return spawn([*command, *self._options], self.folder, "broker.log")

    def hold_publishers(self) -> None:
        self._signal(signal.SIGUSR1, "publishers are held back")

    def release_publishers(self) -> None:
        self._signal(signal.SIGUSR2, "publishers may go on")

    def _signal(self, number: signal.Signals, answer: str) -> None:
        """Returns when it says that it heard."""
        said = self.log().count(answer)
        os.kill(self.pid, number)
        for _ in range(int(self.start_s / LOOK_S)):
            if self.log().count(answer) > said or self._ended_within(LOOK_S):
                return
