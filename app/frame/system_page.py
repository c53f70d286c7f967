"""The inspector's page while nothing is selected: the system, its processes as they come up, and what is good to know."""

import time
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QMenu, QSizePolicy, QToolTip, QWidget

from app.core.breaking import BreakSubject
from app.core.fault_marks import Marks
from app.core.language import tr
from app.frame.top_bar import draw_keys
from app.qt.columns import Span
from app.qt.theme import theme
from app.qt.tokens import Tone
from app.widgets.break_action import add_break, on_key
from app.widgets.cell_delegate import draw_tag
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

    def show_system(
        self,
        system: System | None,
        processes: Sequence[Process],
        *,
        is_live: bool,
        broken: Marks = MappingProxyType({}),
    ) -> None:
        """`broken` says which faults act on a process, by its name."""
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
        self._processes.show_processes(processes, broken, is_live=is_live)


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def _address(url: str | None) -> str:
    return url.removeprefix("http://") if url else "–"


class _ProcessList(QWidget):
    """A line a process: lamp, name, the faults that act on it, process id. Painted, since it changes with every frame of a start."""

    break_requested = Signal(object, object)
    _LINE = 20

    def __init__(self) -> None:
        super().__init__()
        self._rows: tuple[tuple[str, str, str, str], ...] = ()
        self._is_live = False
        self._instances: frozenset[str] = frozenset()
        self._at = 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setToolTip(tr("Right click to break one, or B"))
        on_key(self, self._on_key)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_processes(self, processes: Sequence[Process], broken: Marks, *, is_live: bool) -> None:
        rows = tuple(
            (
                process.status if is_live else "unknown",
                process.name,
                "–" if process.pid is None else str(process.pid),
                broken.get(process.name, ""),
            )
            for process in processes
        )
        self._instances = frozenset(
            process.name for process in processes if process.name.startswith(f"{process.role}-")
        )
        if rows != self._rows or is_live != self._is_live:
            self._is_live = is_live
            resized = len(rows) != len(self._rows)
            self._rows = rows
            self.setAccessibleName(
                ", ".join(" ".join((name, status, *_broken(by))) for status, name, _, by in rows)
            )
            if resized:
                self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, max(1, len(self._rows)) * self._LINE)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        at = event.pos().y() // self._LINE
        subject = self._subject(at)
        if subject is None:
            return
        menu = QMenu(self)
        add_break(menu, subject, self._line(at), self.break_requested.emit)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(event.globalPos())

    def event(self, event: QEvent) -> bool:
        """A tooltip says all of what has no room."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            at = event.pos().y() // self._LINE
            by = self._rows[at][3] if 0 <= at < len(self._rows) else ""
            QToolTip.showText(event.globalPos(), "\n".join((*_broken(by), self.toolTip())), self)
            return True
        return super().event(event)

    def _subject(self, at: int) -> BreakSubject | None:
        if not 0 <= at < len(self._rows) or self._rows[at][1] == CONTROL:
            return None
        name = self._rows[at][1]
        return BreakSubject("instance" if name in self._instances else "process", name)

    def _line(self, at: int) -> QRect:
        """On the screen."""
        return QRect(self.mapToGlobal(QPoint(0, at * self._LINE)), QSize(self.width(), self._LINE))

    def _on_key(self) -> None:
        subject = self._subject(self._at)
        if subject is not None:
            self.break_requested.emit(subject, self._line(self._at))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._go_to(int(event.position().y()) // self._LINE)
        super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self._go_to(self._at + step)

    def _go_to(self, at: int) -> None:
        self._at = max(0, min(len(self._rows) - 1, at))
        if self._rows:
            _, name, _, by = self._rows[self._at]
            self.setAccessibleDescription(" ".join((name, *_broken(by))))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            colors = theme()
            if not self._rows:
                painter.setFont(colors.font("small"))
                painter.setPen(colors.color("text_muted"))
                painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter, tr("none runs"))
            for at, (status, name, pid, by) in enumerate(self._rows):
                line = QRectF(0, at * self._LINE, self.width(), self._LINE)
                if self.hasFocus() and at == self._at:
                    painter.setPen(colors.color("accent"))
                    painter.setBrush(colors.color("surface_selected"))
                    painter.drawRoundedRect(line.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
                draw_status(painter, QRectF(1, line.center().y() - 5, 10, 10), status)
                painter.setFont(colors.font("small"))
                painter.setPen(colors.color("text_muted" if status == "unknown" else "text"))
                painter.drawText(line.adjusted(19, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, name)
                if by:
                    self._draw_fault(painter, line, name, pid, by)
                painter.setFont(colors.font("mono"))
                painter.setPen(colors.color("text_muted"))
                painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, pid)

    def _draw_fault(self, painter: QPainter, line: QRectF, name: str, pid: str, by: str) -> None:
        """Between the name, in the painter's font, and the process id."""
        left = line.left() + 19 + painter.fontMetrics().horizontalAdvance(name) + 8
        right = line.right() - QFontMetricsF(theme().font("mono")).horizontalAdvance(pid) - 8
        room = QRectF(left, line.top(), max(0.0, right - left), line.height())
        draw_tag(painter, room, Span(by, "fault", tag=True), "small", is_stale=not self._is_live)


def _broken(by: str) -> tuple[str, ...]:
    return (tr("broken by {faults}", faults=by),) if by else ()


class _KeyList(QWidget):
    _LINE = 24

    def __init__(self, keys: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._keys = tuple(keys)
        self.setAccessibleName(", ".join(f"{what}: {key}" for what, key in keys))
        self.setFixedHeight(len(keys) * self._LINE)

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for at, (what, keys) in enumerate(self._keys):
                line = QRectF(0, at * self._LINE, self.width(), self._LINE)
                painter.setFont(theme().font("small"))
                painter.setPen(theme().color("text_secondary"))
                painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, what)
                painter.setFont(theme().font("caption"))
                width = painter.fontMetrics().horizontalAdvance(keys) + 12
                draw_keys(painter, QRectF(line.right() - width, line.top() + 2, width, 20), keys)
