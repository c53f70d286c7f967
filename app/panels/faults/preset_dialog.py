"""Asks what a preset is to be called."""

from collections.abc import Collection

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLineEdit, QVBoxLayout, QWidget

from app.core.language import tr
from app.widgets.label import Label


class PresetDialog(QDialog):
    """`title` is what was written, once it is accepted."""

    def __init__(self, taken: Collection[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("presetDialog")
        self.setWindowTitle(tr("Save preset"))
        self._taken = {name.casefold() for name in taken}
        self._edit = QLineEdit()
        self._edit.setObjectName("presetTitle")
        self._edit.setMaxLength(80)
        self._edit.setMinimumWidth(320)
        self._edit.setAccessibleName(tr("Name"))
        self._note = Label("", "small", "text_muted")
        self._buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel
        )
        self._save = self._buttons.button(QDialogButtonBox.StandardButton.Save)
        self._save.setText(tr("Save"))
        self._buttons.button(QDialogButtonBox.StandardButton.Cancel).setText(tr("Cancel"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 20)
        layout.setSpacing(12)
        layout.addWidget(Label(tr("What is it called?"), "section"))
        layout.addWidget(self._edit)
        layout.addWidget(self._note)
        layout.addWidget(self._buttons)
        self._edit.textChanged.connect(self._on_text)
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)
        self._on_text("")

    @property
    def title(self) -> str:
        return self._edit.text().strip()

    def _on_text(self, _: str) -> None:
        self._save.setEnabled(bool(self.title))
        is_taken = self.title.casefold() in self._taken
        self._note.setText(tr("It takes the place of the one that is there.") if is_taken else "")
