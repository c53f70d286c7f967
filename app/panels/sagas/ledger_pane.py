"""The ledger: what must be true of all services' data together, always in sight. What is not names the saga, and leads to it."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from app.core.language import tr
from app.panels.sagas.ledger_words import Named, Rule, explained
from app.qt.icons import draw_icon
from app.qt.theme import theme
from app.widgets.button import Button
from app.widgets.label import ElidedLabel, Label
from app.widgets.shapes import draw_status
from embedded_services.contracts.ledger import LineState

_SIDE: Final = 12


class LedgerPane(QFrame):
    """`saga_requested(id)`."""

    saga_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("ledger")
        self._aside = ElidedLabel(tr("what must hold"), "small", "text_muted")
        self._lines: dict[str, _RuleView] = {}
        self._column = QVBoxLayout()
        self._column.setContentsMargins(0, 0, 0, 8)
        self._column.setSpacing(0)
        self._column.addStretch(1)
        head = QHBoxLayout()
        head.setContentsMargins(16, 12, 12, 6)
        head.setSpacing(10)
        head.addWidget(Label(tr("Ledger"), "section"))
        head.addWidget(self._aside, 1)
        inner = QWidget()
        inner.setLayout(self._column)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(head)
        whole.addWidget(scroll, 1)

    def show_rules(self, rules: Sequence[Rule]) -> None:
        for at, rule in enumerate(rules):
            if rule.key not in self._lines:
                made = _RuleView()
                made.setObjectName(f"rule-{rule.key}")
                made.saga_requested.connect(self.saga_requested)
                self._lines[rule.key] = made
                self._column.insertWidget(at, made)
            self._lines[rule.key].show_rule(rule)

    def set_stale(self, stale: bool) -> None:
        for line in self._lines.values():
            line.set_stale(stale)

    def rule(self, key: str) -> Rule | None:
        """As it is shown."""
        line = self._lines.get(key)
        return line.rule if line is not None else None


class _RuleView(QFrame):
    saga_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("region", "section")
        self.rule: Rule | None = None
        self._mark = _Mark()
        self._title = ElidedLabel("", "small", strong=True)
        self._figures = ElidedLabel("", "small", "text_muted")
        self._more = Label("", "small", "text_muted")
        self._links: list[_Link] = []
        self._texts = QVBoxLayout()
        self._texts.setSpacing(0)
        self._texts.addWidget(self._title)
        self._texts.addWidget(self._figures)
        self._texts.addWidget(self._more)
        self._more.setVisible(False)
        line = QHBoxLayout(self)
        line.setContentsMargins(16, 4, 8, 4)
        line.setSpacing(8)
        line.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        line.addLayout(self._texts, 1)

    def show_rule(self, rule: Rule) -> None:
        if rule == self.rule:
            return
        self.rule = rule
        self._mark.show_mark(rule.mark)
        self._title.setText(rule.title)
        self._title.set_tone("bad" if rule.state is LineState.BROKEN else "text")
        self._figures.setText(rule.figures)
        self._figures.set_tone(rule.tone)
        self.setToolTip(explained(rule.key))
        self.setAccessibleName(f"{rule.title}: {rule.state.value}, {rule.figures}")
        while len(self._links) < len(rule.named):
            link = _Link()
            link.asked.connect(self.saga_requested)
            self._links.append(link)
            self._texts.insertWidget(self._texts.count() - 1, link)
        for at, link in enumerate(self._links):
            link.setVisible(at < len(rule.named))
            if at < len(rule.named):
                link.show_named(rule.named[at], is_broken=rule.state is LineState.BROKEN)
        self._more.setVisible(rule.more > 0)
        self._more.setText(tr("and {n} more", n=f"{rule.more:,}"))

    def set_stale(self, stale: bool) -> None:
        self._mark.set_stale(stale)


class _Link(QWidget):
    """Something that does not fit: a link where a saga is to blame."""

    asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._saga = ""
        self._go = Button("", kind="link")
        self._go.setObjectName("blamed")
        self._text = ElidedLabel("", "small", "text_secondary")
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(6)
        line.addWidget(self._go)
        line.addWidget(self._text, 1)
        self._go.clicked.connect(lambda: self.asked.emit(self._saga))

    def show_named(self, named: Named, *, is_broken: bool) -> None:
        self._saga = named.saga
        self._go.setVisible(bool(named.saga))
        before, _, after = named.text.partition(" ") if named.saga else ("", "", named.text)
        self._go.setText(before.rstrip(":"))
        self._go.setAccessibleName(tr("Show saga {id}", id=named.saga))
        self._text.setText(after)
        self._text.set_tone("bad" if is_broken else "text_secondary")


class _Mark(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self._mark, self._is_stale = "unknown", False
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_mark(self, mark: str) -> None:
        self._mark = mark
        self.update()

    def set_stale(self, stale: bool) -> None:
        self._is_stale = stale
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(_SIDE + 2, _SIDE + 8)

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            place = QRectF(1, 4, _SIDE, _SIDE)
            if self._is_stale:
                draw_status(painter, place, "unknown")
            elif self._mark == "check":
                draw_icon(painter, place.adjusted(-1, -1, 1, 1), "check", theme().color("ok"))
            else:
                draw_status(painter, place, self._mark)
