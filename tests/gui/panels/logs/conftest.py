"""A Logs panel with its presenter: on a feed that a test fills, and on a system that runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import shiboken6
from pytestqt.qtbot import QtBot

from app.core.feed import Feed
from app.core.session import Port
from app.panels.logs.logs_model import LogsModel
from app.panels.logs.logs_panel import LogsPanel
from app.panels.logs.logs_presenter import LogsPresenter
from embedded_services.client.stream_client import Connection
from embedded_services.contracts.logs import LogEntry
from embedded_services.contracts.stream import Events
from embedded_services.contracts.system import Ready
from embedded_services.contracts.wire import Page
from tests.helpers.live import served
from tests.helpers.qt import eventually


class Archive:
    """A control plane's log: entry n says "entry n". `refuse` is raised instead of an answer."""

    def __init__(self) -> None:
        self.total = 0
        self.first = 1
        """The oldest number that it still holds."""
        self.asked: list[tuple[str, int]] = []
        self.refuse: Exception | None = None

    def entry(self, seq: int) -> LogEntry:
        level = "ERROR" if seq % 10 == 0 else "INFO"
        process = "user-1" if seq % 2 else "order-1"
        return LogEntry(at=float(seq), level=level, process=process, logger="a", message=f"entry {seq}")

    async def logs(self, *, cursor: str, limit: int) -> Page[LogEntry]:
        self.asked.append((cursor, limit))
        if self.refuse is not None:
            raise self.refuse
        end = int(cursor) - 1
        numbers = range(end, max(end - limit, self.first - 1), -1)
        return Page(items=[self.entry(seq) for seq in numbers])


class FakePort:
    def __init__(self) -> None:
        self.feed = Feed()
        self.gateway: str | None = None
        self.workspace = Path("/nowhere")
        self.archive = Archive()

    def control(self) -> Any:
        return self.archive

    def connect(self, *, is_live: bool = True) -> None:
        self.feed.connection_changed(Connection(is_live, 1.0, "" if is_live else "gone"))

    def write(self, count: int, *, sent: int | None = None) -> None:
        """`count` more entries, of which the stream brings the newest `sent`."""
        first = self.archive.total + 1
        self.archive.total += count
        numbers = range(self.archive.total - (count if sent is None else sent) + 1, self.archive.total + 1)
        items = [msgspec.to_builtins(self.archive.entry(seq)) for seq in numbers]
        self.feed.take(
            Events(
                topic="logs",
                from_seq=first,
                to_seq=self.archive.total,
                items=items,
                skipped=count - len(items),
            )
        )


@dataclass
class Built:
    panel: LogsPanel
    model: LogsModel
    presenter: LogsPresenter

    async def end(self) -> None:
        """Nothing of it runs any more."""
        self.presenter.deleteLater()
        await eventually(lambda: not shiboken6.isValid(self.presenter))


def build(port: Port, qtbot: QtBot, capacity: int = 20_000) -> Built:
    model = LogsModel(capacity=capacity)
    panel = LogsPanel(model)
    model.setParent(panel)
    qtbot.addWidget(panel)
    presenter = LogsPresenter(panel, model, port)
    panel.resize(1056, 600)
    panel.show()
    return Built(panel, model, presenter)


@pytest.fixture
def port() -> FakePort:
    return FakePort()


@pytest.fixture
def built(port: FakePort, qtbot: QtBot) -> Built:
    return build(port, qtbot)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ready]:
    with served(tmp_path_factory.mktemp("workspace")) as ready:
        yield ready
