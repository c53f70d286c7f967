"""The inspector's page while nothing is selected: the system, its processes as they come up, and what is good to know."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QMenu, QSizePolicy, QWidget

from app.core.breaking import BreakSubject
from app.core.language import tr
from app.frame.top_bar import draw_keys
from app.qt.theme import theme
from app.qt.tokens import Tone
from app.widgets.fact_list import Fact, FactList
from app.widgets.inspector_page import InspectorPage
from app.widgets.shapes import draw_status
from embedded_services.contracts.system import Process, System

CONTROL: Final = "control"
"""The control plane's own process, which cannot break itself."""


class SystemPage(InspectorPage):
    """`break_requested(BreakSubject, QRect)` for one of the system's own processes."""

    break_requested = Signal(object, object)

    def __init__(
        self, workspace: Path, keys: Sequence[tuple[str, str]], parent: QWidget | None = None
    ) -> None:
        """`keys` are shortcuts worth knowing: what they do, and the keys."""
        super().__init__(parent)
        self._workspace = workspace
        self.set_subject(
            tr("Inspector"), tr("Nothing selected"), note=tr("Click anything to see its facts, its history and what you can do to it.")
        )  # fmt: skip
        self._facts = self.add_section(tr("The system"), FactList())
        self._processes = self.add_section(tr("Processes"), _ProcessList())
        self._processes.break_requested.connect(self.break_requested)
        self.add_section(tr("Good to know"), _KeyList(keys))
        self.show_system(None, (), is_live=False)

    def show_system(self, system: System | None, processes: Sequence[Process], *, is_live: bool) -> None:
        known = [process for process in processes if process.pss is not None]
        memory = sum(process.pss or 0 for process in known)
        cpu = sum(process.cpu or 0.0 for process in known)
        tone: Tone = "text" if is_live else "text_muted"
        self._facts.set_facts(
            [
                Fact(tr("Started"), _clock(system.started_at) if system else "–", tone),
                Fact(tr("Processes"), str(len(processes)) if processes else "–", tone),
                Fact(tr("Memory"), f"{memory / 2**20:,.0f} MB" if known else "–", tone),
                Fact(
                    tr("Processor"),
                    tr("{share} % of one core", share=f"{cpu * 100:.1f}") if known else "–",
                    tone,
                ),
                Fact(tr("Gateway"), _address(system.gateway if system else None), tone, "mono"),
                Fact(
                    tr("Workspace"), str(self._workspace), "text", "mono", str(self._workspace), is_path=True
                ),
            ]
        )
        self._processes.show_processes(processes, is_live=is_live)


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def _address(url: str | None) -> str:
    return url.removeprefix("http://") if url else "–"


class _ProcessList(QWidget):
    """A line a process: lamp, name, process id. Painted, since it changes with every frame of a start."""

    break_requested = Signal(object, object)
    _LINE = 20

    def __init__(self) -> None:
        super().__init__()
        self._rows: tuple[tuple[str, str, str], ...] = ()
        self._instances: frozenset[str] = frozenset()
        self.setToolTip(tr("Right click to break one"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_processes(self, processes: Sequence[Process], *, is_live: bool) -> None:
        rows = tuple(
            (
                process.status if is_live else "unknown",
                process.name,
                "–" if process.pid is None else str(process.pid),
            )
            for process in processes
        )
        self._instances = frozenset(
            process.name for process in processes if process.name.startswith(f"{process.role}-")
        )
        if rows != self._rows:
            resized = len(rows) != len(self._rows)
            self._rows = rows
            self.setAccessibleName(", ".join(f"{name} {status}" for status, name, _ in rows))
            if resized:
                self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, max(1, len(self._rows)) * self._LINE)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        at = event.pos().y() // self._LINE
        if not 0 <= at < len(self._rows) or self._rows[at][1] == CONTROL:
            return
        name = self._rows[at][1]
        subject = BreakSubject("instance" if name in self._instances else "process", name)
        line = QRect(self.mapToGlobal(QPoint(0, at * self._LINE)), QSize(self.width(), self._LINE))
        menu = QMenu(self)
        action = menu.addAction(theme().icon("bolt", "fault"), tr("Break {name}…", name=name))
        action.triggered.connect(lambda: self.break_requested.emit(subject, line))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(event.globalPos())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        colors = theme()
        if not self._rows:
            painter.setFont(colors.font("small"))
            painter.setPen(colors.color("text_muted"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter, tr("none runs"))
        for at, (status, name, pid) in enumerate(self._rows):
            line = QRectF(0, at * self._LINE, self.width(), self._LINE)
            draw_status(painter, QRectF(1, line.center().y() - 5, 10, 10), status)
            painter.setFont(colors.font("small"))
            painter.setPen(colors.color("text_muted" if status == "unknown" else "text"))
            painter.drawText(line.adjusted(19, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, name)
            painter.setFont(colors.font("mono"))
            painter.setPen(colors.color("text_muted"))
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, pid)


class _KeyList(QWidget):
    _LINE = 24

    def __init__(self, keys: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._keys = tuple(keys)
        self.setAccessibleName(", ".join(f"{what}: {key}" for what, key in keys))
        self.setFixedHeight(len(keys) * self._LINE)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for at, (what, keys) in enumerate(self._keys):
            line = QRectF(0, at * self._LINE, self.width(), self._LINE)
            painter.setFont(theme().font("small"))
            painter.setPen(theme().color("text_secondary"))
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, what)
            painter.setFont(theme().font("caption"))
            width = painter.fontMetrics().horizontalAdvance(keys) + 12
            draw_keys(painter, QRectF(line.right() - width, line.top() + 2, width, 20), keys)
