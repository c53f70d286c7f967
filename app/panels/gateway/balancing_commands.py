"""Strategies, weights and hash keys that were asked for: shown at once, sent, and forgotten once the gateway has them.

Of several wishes for one service the last one counts. A refusal is told at the service, and what holds is shown again.
"""

from collections.abc import Coroutine
from dataclasses import replace
from functools import partial
from typing import Any, Final, Literal

from PySide6.QtCore import QObject, QTimer, Signal

from app.core.messages import UserMessage, to_message
from app.core.session import Port
from app.panels.gateway.shares import ServiceShares
from app.qt.tasks import Latest
from embedded_services.contracts.settings import ServicePatch, Strategy

WEIGHTS_MS: Final = 250
"""Clicks on a stepper are sent together."""
SETTLE_MS: Final = 3000
"""So long the gateway may take to tell that it has what was accepted."""
What = Literal["strategy", "weights", "hash key"]


class BalancingCommands(QObject):
    """`changed` when what is asked for changed; `refused(service, UserMessage)`."""

    changed = Signal()
    refused = Signal(str, UserMessage)

    def __init__(self, port: Port, parent: QObject) -> None:
        super().__init__(parent)
        self._port = port
        self._asked: dict[What, dict[str, Any]] = {"strategy": {}, "weights": {}, "hash key": {}}
        self._sending: dict[tuple[str, What], Latest] = {}
        self._timers: dict[str, QTimer] = {}

    @property
    def strategies(self) -> dict[str, str]:
        """Those that were asked for and do not hold yet, by service."""
        return self._asked["strategy"]

    # --- what is asked --------------------------------------------------------------------------------------------

    def ask_strategy(self, service: str, strategy: str) -> None:
        self.strategies[service] = strategy
        self.changed.emit()
        self._send(service, "strategy", self._patch_strategy(service, Strategy(strategy)))

    def ask_weight(self, service: str, instance: str, weight: int) -> None:
        self._asked["weights"].setdefault(service, {})[instance] = weight
        self.changed.emit()
        if service not in self._timers:
            self._timers[service] = timer = QTimer(self)
            timer.setSingleShot(True)
            timer.setInterval(WEIGHTS_MS)
            timer.timeout.connect(lambda: self._send(service, "weights", self._patch_weights(service)))
        self._timers[service].start()

    def ask_hash_key(self, service: str, key: str) -> None:
        self._asked["hash key"][service] = key
        self.changed.emit()
        self._send(service, "hash key", self._patch_hash_key(service, key))

    # --- what is shown --------------------------------------------------------------------------------------------

    def over(self, shares: ServiceShares) -> ServiceShares:
        """As it will be with what was asked for; what holds by now is forgotten."""
        name = shares.name
        held = {row.id: row.weight for row in shares.rows}
        weights: dict[str, int] = self._asked["weights"].get(name, {})
        self._drop_if(name, "strategy", holds=self.strategies.get(name) == shares.strategy)
        self._drop_if(name, "hash key", holds=self._asked["hash key"].get(name) == shares.hash_key)
        self._drop_if(
            name, "weights", holds=all(held.get(one, weight) == weight for one, weight in weights.items())
        )
        rows = tuple(replace(row, weight=weights.get(row.id, row.weight)) for row in shares.rows)
        return replace(shares, rows=rows, hash_key=self._asked["hash key"].get(name, shares.hash_key))

    def _drop_if(self, service: str, what: What, *, holds: bool) -> None:
        waits = what == "weights" and service in self._timers and self._timers[service].isActive()
        if holds and not waits and not self._is_sending(service, what):
            self._asked[what].pop(service, None)

    # --- sending --------------------------------------------------------------------------------------------------

    def _is_sending(self, service: str, what: What) -> bool:
        latest = self._sending.get((service, what))
        return latest is not None and latest.is_running

    def _send(self, service: str, what: What, doing: Coroutine[Any, Any, None]) -> None:
        latest = self._sending.setdefault((service, what), Latest(self))
        latest.spawn(doing, f"{what} of {service}", on_error=partial(self._on_refused, service, what))

    async def _patch_strategy(self, service: str, strategy: Strategy) -> None:
        await self._port.control().patch_service(service, ServicePatch(strategy=strategy))
        self._settle(service, "strategy", strategy)

    async def _patch_weights(self, service: str) -> None:
        weights = dict(self._asked["weights"].get(service, {}))
        await self._port.control().patch_settings({"services": {service: {"weights": weights}}})
        self._settle(service, "weights", weights)

    async def _patch_hash_key(self, service: str, key: str) -> None:
        await self._port.control().patch_settings({"services": {service: {"hashKey": key}}})
        self._settle(service, "hash key", key)

    def _settle(self, service: str, what: What, accepted: object) -> None:
        """Should the gateway not tell that it has it, what it does tell is shown."""
        QTimer.singleShot(SETTLE_MS, self, lambda: self._forget(service, what, accepted))
        QTimer.singleShot(0, self, self.changed.emit)

    def _forget(self, service: str, what: What, accepted: object) -> None:
        if self._asked[what].get(service) == accepted and not self._is_sending(service, what):
            del self._asked[what][service]
            self.changed.emit()

    def _on_refused(self, service: str, what: What, error: Exception) -> None:
        self._asked[what].pop(service, None)
        self.refused.emit(service, to_message(error))
        self.changed.emit()
