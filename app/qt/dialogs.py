"""Dialogs that are awaited. Never `exec()` and never QMessageBox's static functions: they run a loop inside the loop,
and asyncio cannot enter a task while another one is being stepped.

    if await confirm(self._panel, tr("Delete all?"), tr("They cannot be brought back."), tr("Delete")):
"""

import asyncio

import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QPushButton, QVBoxLayout, QWidget

from app.core.language import tr
from app.qt.theme import theme


async def shown(dialog: QDialog) -> int:
    """Open `dialog` and give its result once it is closed; it is then deleted. A dialog whose window goes away counts
    as rejected; cancelling this closes it.
    """
    closed: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def settle(result: int) -> None:
        if not closed.done():
            closed.set_result(result)

    dialog.finished.connect(settle)
    dialog.destroyed.connect(lambda: settle(QDialog.DialogCode.Rejected))
    dialog.open()
    try:
        return await closed
    finally:
        if shiboken6.isValid(dialog):
            dialog.close()
            dialog.deleteLater()


async def confirm(parent: QWidget, title: str, text: str, accept: str) -> bool:
    """Ask before something that cannot be undone. Escape and closing say no."""
    dialog = QDialog(parent)
    dialog.setObjectName("confirm")
    dialog.setWindowTitle(title)
    dialog.setWindowModality(Qt.WindowModality.WindowModal)
    heading, explanation = QLabel(title), QLabel(text)
    heading.setFont(theme().font("section"))
    explanation.setWordWrap(True)
    explanation.setMinimumWidth(360)
    buttons = QDialogButtonBox()
    yes = QPushButton(accept)
    yes.setProperty("kind", "primary")
    buttons.addButton(yes, QDialogButtonBox.ButtonRole.AcceptRole)
    no = buttons.addButton(tr("Cancel"), QDialogButtonBox.ButtonRole.RejectRole)
    no.setDefault(True)
    buttons.accepted.connect(dialog.accept)
    buttons.rejected.connect(dialog.reject)
    layout = QVBoxLayout(dialog)
    layout.setContentsMargins(24, 24, 24, 16)
    layout.setSpacing(16)
    for widget in (heading, explanation, buttons):
        layout.addWidget(widget)
    return await shown(dialog) == QDialog.DialogCode.Accepted
