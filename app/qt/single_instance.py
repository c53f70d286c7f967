"""One window a workspace: a second start raises the first and ends; if the first is closing, it waits and takes over.

The first listens on a local socket named for the user and the workspace. It answers `raised`, or `closing`; then the
end of the connection means that it is gone.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from app.core.first_window import name_of

_ANSWER_MS: Final = 1000
_CLOSING_MS: Final = 4000
RAISED: Final = b"raised\n"
CLOSING: Final = b"closing\n"


def raise_first(workspace: Path) -> bool:
    """Ask a window that is open on `workspace` to come to the front; whether there is one, that stays.

    Blocks for a moment: to be called before there is a window.
    """
    peer = QLocalSocket()
    peer.connectToServer(name_of(workspace))
    if not peer.waitForConnected(_ANSWER_MS):
        return False
    if not peer.canReadLine() and not peer.waitForReadyRead(_ANSWER_MS):
        return True  # it is there, and busy
    if bytes(peer.readLine().data()) == RAISED:
        return True
    peer.waitForDisconnected(_CLOSING_MS)
    return False


class FirstInstance(QObject):
    """Answers later starts. `on_raise` brings the window to the front; from `is_closing` on they are told to wait."""

    def __init__(self, workspace: Path, on_raise: Callable[[], None], parent: QObject) -> None:
        super().__init__(parent)
        self._on_raise = on_raise
        self.is_closing = False
        self._peers: list[QLocalSocket] = []
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._on_connection)
        if not self._server.listen(name_of(workspace)):
            QLocalServer.removeServer(
                name_of(workspace)
            )  # left by one that was killed: nobody answered there
            self._server.listen(name_of(workspace))

    @property
    def is_listening(self) -> bool:
        return self._server.isListening()

    def _on_connection(self) -> None:
        peer = self._server.nextPendingConnection()
        self._peers.append(peer)  # open until this process ends, unless the other one leaves
        peer.disconnected.connect(lambda: self._peers.remove(peer))
        peer.write(CLOSING if self.is_closing else RAISED)
        peer.flush()
        if not self.is_closing:
            self._on_raise()
