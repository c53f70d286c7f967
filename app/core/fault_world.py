"""What is known for breaking things: the kinds of fault and the sagas' definitions, asked for once, and the present system."""

from collections.abc import Mapping
from typing import Final

from app.core.fault_targets import Scene
from app.core.feed import EVENTS_SEEN, INSTANCES, PROCESSES, QUEUES, SERVICES, SETTINGS
from app.core.session import Port
from embedded_services.client.errors import ControlError
from embedded_services.contracts.faults import FaultKindInfo
from embedded_services.contracts.queues import is_handled
from embedded_services.contracts.sagas import SagaDefinition

RECENT_EVENTS: Final = 500


class FaultWorld:
    """`kinds` is empty until `learn` has answered; `is_complete` once nothing is left to ask for."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._sagas: tuple[SagaDefinition, ...] = ()
        self.kinds: Mapping[str, FaultKindInfo] = {}

    @property
    def is_complete(self) -> bool:
        return bool(self.kinds and self._sagas)

    async def learn(self) -> None:
        """Ask the control plane for what is missing; sagas are known only once the orchestrator runs. Raises ControlError,
        NotConnectedError."""
        control = self._port.control()
        if not self.kinds:
            self.kinds = {info.kind: info for info in (await control.fault_catalogue()).items}
        if not self._sagas:
            try:
                self._sagas = tuple((await control.saga_definitions()).items)
            except ControlError as error:
                if error.code != "SERVICE_UNAVAILABLE":
                    raise

    def scene(self) -> Scene:
        """The system as the feed has it now."""
        feed = self._port.feed
        state = next(iter(feed.rows(SETTINGS).values()), None)
        return Scene(
            services=feed.rows(SERVICES),
            instances=feed.rows(INSTANCES),
            processes=feed.rows(PROCESSES),
            settings=state.settings if state is not None else None,
            queues=tuple(queue for queue in feed.rows(QUEUES) if is_handled(queue)),
            events=self._event_types(),
            sagas=self._sagas,
        )

    def _event_types(self) -> tuple[str, ...]:
        """Those that passed of late."""
        tail = self._port.feed.tail(EVENTS_SEEN)
        return tuple(sorted({seen.type for _, seen in tail.after(tail.total - RECENT_EVENTS)}))
