"""The page of timeouts and retries: choose a service, edit its policy, apply it to the running gateway."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.core.language import tr
from app.core.messages import UserMessage
from app.panels.gateway.policy_fields import Path, Value, groups, patch_of
from app.panels.gateway.policy_form import PolicyForm
from app.qt.theme import theme
from app.widgets.button import Button
from app.widgets.label import ElidedLabel, Label
from app.widgets.notice import Notice
from app.widgets.segmented_toggle import SegmentedToggle
from embedded_services.contracts.errors import ErrorDetail
from embedded_services.contracts.settings import CallPolicy


@dataclass(frozen=True)
class Written:
    """What was written of each service and not applied; `service` is the one in sight, `seen` the revision it is on."""

    service: str
    drafts: Mapping[str, Mapping[Path, Value | str]]
    seen: int


class PoliciesPage(QWidget):
    """`apply_requested(patch, revision)`: the merge patch, and the revision that the user has seen."""

    apply_requested = Signal(object, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._policies: dict[str, CallPolicy] = {}
        self._drafts: dict[str, Mapping[Path, Value | str]] = {}
        self._service = self._wanted = ""
        self._revision = 0
        self._seen = 0
        """The revision whose values the edits were made on."""
        self._recalled: Written | None = None
        self._is_stale = self._is_busy = False
        self.form = PolicyForm()
        self._services = QHBoxLayout()
        self._toggle: SegmentedToggle | None = None
        self._state = ElidedLabel("", "body", "text_muted")
        self.notice = Notice("bad")
        self._apply = Button(tr("Apply"), kind="primary")
        self._revert = Button(tr("Revert"))
        self._reset = Button(
            tr("Reset to defaults"), tooltip=tr("Writes the defaults; nothing is applied yet")
        )
        self._build_ui()
        self.form.edited.connect(self._show)
        self._apply.clicked.connect(self.apply)
        self._revert.clicked.connect(self.revert)
        self._reset.clicked.connect(self.form.reset)

    def _build_ui(self) -> None:
        head = QFrame()
        head.setProperty("region", "bar")
        head.setFixedHeight(44)
        self._services.setContentsMargins(16, 0, 16, 0)
        self._services.setSpacing(12)
        self._services.addWidget(Label(tr("How this service is called"), "section"))
        self._services.addStretch(1)
        head.setLayout(self._services)
        messages = QVBoxLayout()
        messages.setContentsMargins(16, 8, 16, 0)
        messages.addWidget(self.notice)
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(self.form)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(head)
        column.addLayout(messages)
        column.addWidget(scroll, 1)
        rule = QFrame()
        rule.setProperty("region", "rule")
        rule.setFixedHeight(1)
        column.addWidget(rule)
        column.addWidget(self._build_foot())

    def _build_foot(self) -> QWidget:
        foot = QFrame()
        foot.setObjectName("policyFoot")
        foot.setProperty("region", "footer")
        foot.setFixedHeight(theme().size.panel_header - 8)
        line = QHBoxLayout(foot)
        line.setContentsMargins(16, 0, 16, 0)
        line.setSpacing(8)
        line.addWidget(self._state, 1)
        for name, button in (("reset", self._reset), ("revert", self._revert), ("apply", self._apply)):
            button.setObjectName(f"policy-{name}")
            line.addWidget(button)
        return foot

    # --- what it is told ------------------------------------------------------------------------------------------

    def show_policies(self, policies: Mapping[str, CallPolicy], revision: int, *, stale: bool) -> None:
        """What is in force; what the user has written stays."""
        if list(policies) != list(self._policies):
            self._show_services(list(policies))
        self._is_stale = stale
        self._policies = dict(policies)
        if not self.form.texts():
            self._seen = revision
        self._revision = revision
        if self._service not in policies:
            self._service = next(iter(policies), "")
        if self._service:
            self.form.show_policy(policies[self._service])
        if not self.form.texts():
            self._seen = revision
        if self._recalled is not None and policies:
            self._take_back(self._recalled)
        if self._wanted in policies:
            self.choose(self._wanted)
        self._show()

    def set_busy(self, *, busy: bool) -> None:
        self._is_busy = busy
        self._apply.set_busy(busy)
        self._show()

    def show_applied(self, revision: int) -> None:
        self._seen = max(self._seen, revision)
        self.notice.clear()

    def show_conflict(self) -> None:
        """Somebody else was faster. Applying again goes on from what is in force now."""
        text = tr("The settings were changed meanwhile; nothing was applied.")
        hint = tr("Your edits are kept. Look at what is in force now, then apply them again.")
        self.notice.show_message(UserMessage(text, hint))
        self._seen = self._revision

    def show_refusal(self, message: UserMessage, details: Sequence[ErrorDetail]) -> None:
        """`details` name fields by their wire path; those that the form has are told there."""
        self.notice.show_message(message)
        for detail in details:
            for group in groups():
                for spec in group.fields:
                    wire = f"{group.wire}.{spec.wire}" if group.wire else spec.wire
                    if detail.field.endswith(f"policy.{wire}"):
                        self.form.show_problem(spec.path, detail.message)

    def memory(self) -> Written:
        drafts = {**self._drafts, self._service: self.form.texts()}
        return Written(self._service, drafts, self._seen)

    def recall(self, written: Written) -> None:
        """As soon as it is known what is in force."""
        self._recalled = written

    def _take_back(self, written: Written) -> None:
        self._recalled = None
        self.choose(written.service)
        self._drafts = dict(written.drafts)
        self.form.set_texts(self._drafts.pop(self._service, {}))
        self._seen = written.seen if self.form.texts() else self._revision

    @property
    def revision(self) -> int:
        return self._revision

    @property
    def service(self) -> str:
        return self._service

    # --- what the user does ---------------------------------------------------------------------------------------

    def choose(self, service: str) -> None:
        """Edits of the service before are kept until it is chosen again; one that is not known yet is chosen then."""
        self._wanted = "" if service in self._policies else service
        if self._wanted or service == self._service:
            return
        self._drafts[self._service] = self.form.texts()
        self._service = service
        if self._toggle is not None:
            self._toggle.set_choice(service)
        self.form.revert()
        self.form.show_policy(self._policies[service])
        self.form.revert()
        self.form.set_texts(self._drafts.pop(service, {}))
        self._show()

    def apply(self) -> None:
        changes = self.form.changes()
        if changes and not self.form.problems:
            patch: Any = patch_of(self._service, changes)
            self.apply_requested.emit(patch, self._seen)

    def revert(self) -> None:
        self.form.revert()
        self.notice.clear()
        self._seen = self._revision
        self._show()

    def _show_services(self, names: list[str]) -> None:
        if self._toggle is not None:
            self._toggle.deleteLater()
            self._toggle = None
        if names:
            self._toggle = SegmentedToggle(tr("Service"), {name: name for name in names})
            self._toggle.setObjectName("policyService")
            if self._service in names:
                self._toggle.set_choice(self._service)
            self._toggle.choice_requested.connect(self.choose)
            self._services.addWidget(self._toggle)

    def _show(self) -> None:
        changes, problems = len(self.form.texts()), self.form.problems
        parts = [tr("revision {n} in force", n=self._revision)]
        if changes:
            parts.append(
                tr("1 change not applied") if changes == 1 else tr("{n} changes not applied", n=changes)
            )
            if self._seen != self._revision:
                parts.append(tr("edited since revision {n}", n=self._seen))
        if problems:
            parts.append(tr("1 field to mend") if problems == 1 else tr("{n} fields to mend", n=problems))
        self._state.setText(" · ".join(parts))
        self._state.set_tone("bad" if problems else "accent" if changes else "text_muted")
        able = bool(changes) and not self._is_busy
        self._apply.setEnabled(able and not problems and not self._is_stale and bool(self.form.changes()))
        self._revert.setEnabled(able)
        self._reset.setEnabled(not self._is_busy)
