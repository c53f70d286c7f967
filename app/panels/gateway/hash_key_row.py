"""What consistent hashing goes by: the client's address, the user, the path, or a header that is named."""

import re
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from app.core.language import tr
from app.panels.gateway.strategy_row import QuietCombo
from app.widgets.label import ElidedLabel

_HEADER: Final = "header:"
_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,64}")


class HashKeyRow(QWidget):
    """`key_requested(key)` as the settings want it: `ip`, `user`, `path`, `header:X-Session`."""

    key_requested = Signal(str)

    def __init__(self, service: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._combo = QuietCombo()
        self._combo.setObjectName(f"hashKey-{service}")
        self._combo.setAccessibleName(tr("What the hash of {service} goes by", service=service))
        for key, word in (
            ("ip", tr("client address")),
            ("user", tr("user")),
            ("path", tr("path")),
            (_HEADER, tr("a header…")),
        ):
            self._combo.addItem(word, key)
        self._header = QLineEdit()
        self._header.setObjectName(f"hashHeader-{service}")
        self._header.setPlaceholderText("X-Session")
        self._header.setAccessibleName(tr("Name of the header"))
        self._header.setMaxLength(64)
        self._header.setMinimumWidth(64)
        self._header.setMaximumWidth(140)
        self._combo.setMinimumWidth(96)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 2, 0, 2)
        line.setSpacing(8)
        line.addWidget(ElidedLabel(tr("same instance for the same"), "small", "text_muted"))
        line.addWidget(self._combo)
        line.addWidget(self._header)
        line.addStretch(1)
        self._combo.activated.connect(self._on_chosen)
        self._header.returnPressed.connect(self._on_named)
        self._header.editingFinished.connect(self._on_named)
        self._key = ""
        self.set_key("ip")

    def set_key(self, key: str) -> None:
        """What holds; what is being typed stays."""
        if key == self._key or self._header.hasFocus():
            return
        self._key = key
        is_header = key.startswith(_HEADER)
        self._combo.setCurrentIndex(self._combo.findData(_HEADER if is_header else key))
        self._header.setVisible(is_header)
        self._header.setText(key.removeprefix(_HEADER) if is_header else "")

    def _on_chosen(self, at: int) -> None:
        key = str(self._combo.itemData(at))
        self._header.setVisible(key == _HEADER)
        if key == _HEADER:
            self._header.setFocus()
        elif key != self._key:
            self._ask(key)

    def _on_named(self) -> None:
        name = self._header.text().strip()
        is_good = _NAME.fullmatch(name) is not None
        self._header.setProperty("invalid", "true" if name and not is_good else None)
        self._header.style().polish(self._header)
        self._header.setToolTip("" if is_good else tr("Letters, digits and hyphens."))
        if is_good and _HEADER + name != self._key:
            self._ask(_HEADER + name)

    def _ask(self, key: str) -> None:
        self._key = key
        self.key_requested.emit(key)
