"""The Gateway panel: balancing with its reasons, the request log, routes, and how each service is called."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QSplitter, QStackedWidget, QWidget

from app.core.focus import Focus
from app.core.language import tr
from app.panels.gateway.balancing_page import BalancingPage
from app.panels.gateway.gateway_models import GatewayModels
from app.panels.gateway.policies_page import PoliciesPage, Written
from app.panels.gateway.request_book import LoggedRequest
from app.panels.gateway.request_log import RequestLog
from app.panels.gateway.request_page import RequestPage
from app.panels.gateway.routes_page import RoutesPage
from app.panels.gateway.trace_rows import TraceView
from app.widgets.panel import Panel
from app.widgets.segmented_toggle import SegmentedToggle

PageKey = Literal["balancing", "routes", "policies"]
REQUESTS: Final = "requests"
LOGS: Final = "logs"
SERVICES: Final = "services"


@dataclass(frozen=True)
class _Kept:
    page: str
    kind: str
    written: Written


class GatewayPanel(Panel):
    """`request_selected(LoggedRequest)` wants its trace; `curl_requested(LoggedRequest)` its command for a shell.

    `open_at` takes a page (`balancing`, `routes`, `policies`), a service (its policy) or the id of a request.
    """

    request_selected = Signal(object)
    curl_requested = Signal(object)

    def __init__(self, models: GatewayModels, parent: QWidget | None = None) -> None:
        super().__init__("gateway", tr("Gateway"), parent)
        self._models = models
        self.balancing = BalancingPage(models.picks, models.breakers)
        self.log = RequestLog(models.requests)
        self.routes = RoutesPage(models.routes)
        self.policies = PoliciesPage()
        self.request_page = RequestPage(self)
        words = {"balancing": tr("Balancing"), "routes": tr("Routes"), "policies": tr("Timeouts and retries")}
        self.pages = SegmentedToggle(tr("Page"), words)
        self.pages.setObjectName("gatewayPages")
        self._views = QStackedWidget()
        self._build_ui()
        self._build_actions()
        self._connect()

    def _build_ui(self) -> None:
        self.add_header_widget(self.pages)
        whole = QSplitter(Qt.Orientation.Vertical)
        whole.setChildrenCollapsible(False)
        whole.setHandleWidth(1)
        whole.addWidget(self.balancing)
        whole.addWidget(self.log)
        whole.setStretchFactor(0, 3)
        whole.setStretchFactor(1, 2)
        whole.setSizes([414, 262])
        self.balancing.setMinimumHeight(160)
        self.log.setMinimumHeight(140)
        for page in (whole, self.routes, self.policies):
            self._views.addWidget(page)
        self.content.addWidget(self._views)
        self.setFocusProxy(self.log.view)

    def _build_actions(self) -> None:
        for page, text in (
            ("balancing", tr("Gateway: balancing")),
            ("routes", tr("Gateway: routes")),
            ("policies", tr("Gateway: timeouts and retries")),
        ):
            self._add(text, "", partial(self.show_page, page))
        self._add(tr("Follow the requests, or pause"), "Ctrl+L", self.log.toggle_following)
        self._add(tr("Search in the requests"), "Ctrl+F", self._search)
        self._add(tr("Clear the filter of requests"), "Ctrl+Shift+L", self.log.clear_filter)

    def _add(self, text: str, keys: str, call: Callable[[], object]) -> None:
        action = QAction(text, self)
        action.setShortcut(QKeySequence(keys))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.triggered.connect(lambda: call())
        self.addAction(action)

    def _connect(self) -> None:
        self.pages.choice_requested.connect(self.show_page)
        self.log.request_selected.connect(self._on_request_selected)
        self.log.focus_cleared.connect(self.focus_cleared)
        self.log.action_requested.connect(self._on_request_action)
        self.request_page.action_requested.connect(self._on_request_action)
        self.balancing.picks.request_requested.connect(self._on_pick)
        self.balancing.break_requested.connect(self.break_requested)
        self.routes.break_requested.connect(self.break_requested)
        self.log.break_requested.connect(self.break_requested)
        self.balancing.breakers.instance_requested.connect(
            lambda instance: self.navigation_requested.emit(SERVICES, instance)
        )

    # --- what the presenter tells ---------------------------------------------------------------------------------

    def show_routes_count(self, count: int) -> None:
        self.pages.set_word("routes", tr("Routes {n}", n=count) if count else tr("Routes"))

    def show_trace(self, row: LoggedRequest, trace: TraceView) -> None:
        """For the request that is in the inspector; one that came too late is passed over."""
        if self.request_page.row == row:
            self.request_page.show_trace(trace)

    def copy_curl(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self.toast_requested.emit(tr("Copied as curl; $TOKEN stands in the token's place."))

    def set_stale(self, stale: bool) -> None:
        for part in (self.log, self.routes, self.balancing.picks, self.balancing.breakers):
            part.set_stale(stale)

    def focus_on(self, focus: Focus | None) -> None:
        focus = focus if focus is not None and (focus.services or focus.traces or focus.limited) else None
        self.show_focus(focus)
        self.log.focus_on(focus)
        self.balancing.focus_on(focus)

    def memory(self) -> object:
        return _Kept(self.page, self.log.kinds.choice, self.policies.memory())

    def recall(self, memory: object) -> None:
        if isinstance(memory, _Kept):
            self.show_page(memory.page)
            self.log.show_kind(memory.kind)
            self.policies.recall(memory.written)

    # --- pages and selection --------------------------------------------------------------------------------------

    @property
    def page(self) -> str:
        return self.pages.choice

    def show_page(self, key: str) -> None:
        self.pages.set_choice(key)
        self._views.setCurrentIndex(["balancing", "routes", "policies"].index(key))

    def open_at(self, argument: object) -> None:
        text = str(argument)
        if text in ("balancing", "routes", "policies"):
            self.show_page(text)
        elif (row := self._models.requests.find(text)) is not None:
            self.show_page("balancing")
            self.show_request(row)
        else:
            self.show_page("policies")
            self.policies.choose(text)

    def show_request(self, row: LoggedRequest) -> None:
        """In the log if it passes the filter there, and in the inspector in any case."""
        if not self.log.select(row.seq):
            self._on_request_selected(row)

    def _on_request_selected(self, row: LoggedRequest) -> None:
        self.request_selected.emit(row)
        self.inspector_requested.emit(self.request_page)

    def _on_pick(self, request: str) -> None:
        row = self._models.requests.find(request)
        if row is None:
            self.toast_requested.emit(tr("That request is no longer held."))
        else:
            self.show_request(row)

    def _on_request_action(self, row: LoggedRequest, key: str) -> None:
        record = row.record
        if key == "again":
            self.navigation_requested.emit(REQUESTS, (record.method, record.path))
        elif key == "logs":
            self.navigation_requested.emit(LOGS, (record.instance or "gateway", record.at))
        else:
            self.curl_requested.emit(row)

    def _search(self) -> None:
        self.show_page("balancing")
        self.log.field.setFocus()
        self.log.field.selectAll()
