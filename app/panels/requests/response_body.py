"""The body of an answer as a tree or as text, its headers, and in words what of it is not shown."""

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QHeaderView, QStackedWidget, QVBoxLayout, QWidget

from app.core.console import Headers
from app.core.language import tr
from app.panels.requests.body_view import BodyView
from app.qt.columns import Column
from app.qt.row_table_model import RowTableModel
from app.widgets.button import IconButton
from app.widgets.json_view import JsonView
from app.widgets.label import Label
from app.widgets.row_view import RowView
from app.widgets.segmented_toggle import SegmentedToggle
from app.widgets.text_view import TextView

HeaderRow = tuple[int, str, str]


def _columns() -> tuple[Column[HeaderRow], ...]:
    return (
        Column(tr("Name"), lambda row: row[1], tone="text_secondary", sample="X-Service-Instance-X"),
        Column(tr("Value"), lambda row: row[2], face="mono", stretch=True),
    )


class HeadersModel(RowTableModel[HeaderRow]):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(_columns(), key=lambda row: row[0], parent=parent)

    def set_headers(self, headers: Headers) -> None:
        self.apply([(at, name, value) for at, (name, value) in enumerate(headers)])


class ResponseBody(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._part = SegmentedToggle(tr("Part of the answer"), {"body": tr("Body"), "headers": tr("Headers")})
        self._form = SegmentedToggle(tr("Form of the body"), {"tree": tr("Tree"), "text": tr("Text")})
        self._wrap = IconButton("wrap", tr("Break long lines"), checkable=True)
        self._copy = IconButton("copy", tr("Copy what is shown"))
        self._note = Label("", "small", "text_muted", wrap=True)
        self._tree = JsonView(tr("Body of the answer"))
        self._text = TextView(tr("Body of the answer"))
        self._headers = HeadersModel(self)
        self._table = RowView(self._headers.columns, name=tr("Headers of the answer"), dense=True)
        self._stack = QStackedWidget()
        self._view = BodyView("")
        self._unfilled: set[str] = set()
        self._build_ui()
        self._part.choice_requested.connect(self._arrange)
        self._form.choice_requested.connect(self._arrange)
        self._wrap.toggled.connect(lambda on: self._text.set_wrapped(wrapped=on))
        self._copy.clicked.connect(self._on_copy)

    def _build_ui(self) -> None:
        self._part.setObjectName("answerPart")
        self._form.setObjectName("bodyForm")
        self._tree.setObjectName("bodyTree")
        self._text.setObjectName("bodyText")
        self._note.setObjectName("bodyNote")
        self._copy.setObjectName("copyBody")
        self._tree.header().setStretchLastSection(False)
        self._tree.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self._tree.header().setResizeContentsPrecision(0)  # what is in sight
        self._table.setModel(self._headers)
        bar = QFrame()
        line = QHBoxLayout(bar)
        line.setContentsMargins(16, 8, 16, 8)
        line.setSpacing(8)
        line.addWidget(self._part)
        line.addStretch(1)
        for widget in (self._form, self._wrap, self._copy):
            line.addWidget(widget)
        for page in (self._framed(self._tree), self._framed(self._text), self._table):
            self._stack.addWidget(page)
        self._note.setContentsMargins(16, 0, 16, 8)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(bar)
        column.addWidget(self._note)
        column.addWidget(self._stack, 1)

    @staticmethod
    def _framed(content: QWidget) -> QWidget:
        frame = QWidget()
        column = QVBoxLayout(frame)
        column.setContentsMargins(16, 0, 16, 8)
        column.addWidget(content)
        return frame

    def show_body(self, view: BodyView, headers: Headers) -> None:
        self._view = view
        self._headers.set_headers(headers)
        self._part.set_word("headers", tr("Headers {n}", n=len(headers)))
        self._note.setText(view.note)
        self._note.set_tone("warn" if view.is_cut else "text_muted")
        self._unfilled = {"tree", "text"}
        self._tree.set_value({})
        self._text.set_text("")
        self._form.setEnabled(view.tree is not None)
        self._arrange()

    def _arrange(self, *_: object) -> None:
        as_tree = self._form.choice == "tree" and self._view.tree is not None
        on_body = self._part.choice == "body"
        if on_body:
            self._fill("tree" if as_tree else "text")
        self._stack.setCurrentIndex((0 if as_tree else 1) if on_body else 2)
        self._form.setVisible(on_body)
        self._wrap.setVisible(on_body and not as_tree)
        self._note.setVisible(on_body and bool(self._view.note))

    def _fill(self, form: str) -> None:
        """Only what is looked at is built, when it is."""
        if form not in self._unfilled:
            return
        self._unfilled.discard(form)
        if form == "text":
            self._text.set_text(self._view.text)
        elif self._view.tree is not None:
            self._tree.set_value(self._view.tree[0])

    def _on_copy(self) -> None:
        if self._part.choice == "body":
            QGuiApplication.clipboard().setText(self._view.text)
        else:
            lines = [f"{name}: {value}" for _, name, value in self._headers.rows()]
            QGuiApplication.clipboard().setText("\n".join(lines))
