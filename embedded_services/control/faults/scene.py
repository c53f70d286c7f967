"""What there is to aim a fault at, looked up when one is asked for."""

import logging
from collections.abc import Awaitable, Callable, Mapping

from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.faults import NewFault
from embedded_services.contracts.queues import QueueState, handled_by, is_handled
from embedded_services.contracts.sagas import SagaDefinition
from embedded_services.contracts.settings import Settings
from embedded_services.contracts.wire import Page
from embedded_services.control.faults.aiming import Scene
from embedded_services.control.supervisor import Supervisor
from embedded_services.registry.catalog import Catalog

log = logging.getLogger(__name__)


class SceneOfSystem:
    """`queues` are the broker's as it told them last; `may_call` says of a process whether it calls services, as far
    as it has said so; `definitions` asks the orchestrator."""

    def __init__(
        self,
        supervisor: Supervisor,
        instances: Catalog,
        settings: Callable[[], Settings],
        queues: Callable[[], Mapping[str, QueueState]],
        may_call: Callable[[str], bool],
        definitions: Callable[[], Awaitable[Page[SagaDefinition]]],
    ) -> None:
        self._supervisor = supervisor
        self._instances = instances
        self._settings = settings
        self._queues = queues
        self._may_call = may_call
        self._definitions = definitions

    async def __call__(self, wish: NewFault) -> Scene:
        """Whom nobody can ask now, an orchestrator that is down, is not known."""
        entries = list(self._instances)
        sagas: dict[str, list[str]] = {}
        undoable: dict[str, list[str]] = {}
        if wish.target.saga is not None or wish.target.step is not None:
            try:
                told = await self._definitions()
                sagas = {saga.name: [step.name for step in saga.steps] for saga in told.items}
                undoable = {
                    saga.name: [step.name for step in saga.steps if step.undoable] for saga in told.items
                }
            except ApiError as error:
                log.info("the steps of sagas are not known: %s", error.message)
        services = list(self._settings().services)
        queues = {
            name: queue
            for name, queue in self._queues().items()
            if is_handled(name) and handled_by(name) in services
        }
        processes = [slot.id for slot in self._supervisor.slots()]
        return Scene(
            services=services,
            instances={entry.id: entry.service for entry in entries},
            external={entry.id for entry in entries if entry.external},
            processes=processes,
            queues=list(queues),
            routes=[(route.prefix, route.service) for route in self._settings().routes],
            sagas=sagas,
            callers=[process for process in processes if self._may_call(process)],
            bound={name: queue.bound for name, queue in queues.items() if queue.bound},
            undoable=undoable,
        )
