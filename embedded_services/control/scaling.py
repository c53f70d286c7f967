"""From settings to slots: as many instances as are asked for, and none that is not."""

from embedded_services.common.clock import Clock
from embedded_services.contracts.sagas import ORCHESTRATOR
from embedded_services.contracts.settings import Settings
from embedded_services.control import ports
from embedded_services.control.drain import Drain
from embedded_services.control.kinds import module_of
from embedded_services.control.slots import BROKER, GATEWAY, Leaves, Slot
from embedded_services.control.supervisor import Supervisor
from embedded_services.registry.amqp_probe import AMQP
from embedded_services.registry.catalog import Catalog
from embedded_services.registry.checks import HealthChecks
from embedded_services.registry.lifecycle import Undrained

GATEWAY_PORT = 3000
GATEWAY_MODULE = "embedded_services.gateway.process"
BROKER_MODULE = "embedded_services.broker.process"
ORCHESTRATOR_MODULE = "embedded_services.sagas.process"


class Scaling:
    """`apply` may be called at any time, also while instances of an earlier call are still leaving."""

    def __init__(
        self,
        supervisor: Supervisor,
        instances: tuple[Catalog, HealthChecks],
        processes: tuple[Catalog, HealthChecks],
        drain: Drain,
        clock: Clock,
    ) -> None:
        self._supervisor = supervisor
        self._instances = instances
        self._processes = processes
        self._drain = drain
        self._clock = clock

    def start_gateway(self, port: int | None) -> None:
        """On `port` and no other, or on 3000 or the next free one."""
        catalog, checks = self._processes
        self._supervisor.add(
            Slot(
                id=GATEWAY,
                role=GATEWAY,
                service="",
                module=GATEWAY_MODULE,
                number=1,
                preferred_port=port or GATEWAY_PORT,
                pinned_port=port is not None,
                port=port or GATEWAY_PORT,
                catalog=catalog,
                checks=checks,
                leaves=Leaves.FIRST,
            )
        )

    def start_orchestrator(self, port: int) -> None:
        """On `port` or the next free one."""
        catalog, checks = self._processes
        self._supervisor.add(
            Slot(
                id=ORCHESTRATOR,
                role=ORCHESTRATOR,
                service="",
                module=ORCHESTRATOR_MODULE,
                number=1,
                preferred_port=port,
                port=port,
                catalog=catalog,
                checks=checks,
                leaves=Leaves.AFTER_GATEWAY,
            )
        )

    def start_broker(self, port: int) -> None:
        """On `port` or the next free one: it is known for good when the process has linked."""
        catalog, checks = self._processes
        self._supervisor.add(
            Slot(
                id=BROKER,
                role=BROKER,
                service="",
                module=BROKER_MODULE,
                number=1,
                preferred_port=port,
                port=port,
                catalog=catalog,
                checks=checks,
                health_path=AMQP,
                leaves=Leaves.LAST,
            )
        )

    def apply(self, settings: Settings) -> None:
        catalog, _ = self._instances
        catalog.declare(list(settings.services))
        for name, service in settings.services.items():
            present = {slot.number: slot for slot in self._supervisor.slots() if slot.service == name}
            for number in range(1, service.replicas + 1):
                slot = present.pop(number, None)
                if slot is None:
                    self._add(name, service.kind, number, ports.preferred(service.port, number))
                elif slot.leaving:
                    self._keep(slot)
            for slot in present.values():
                self._leave(slot, f"{name} was scaled to {service.replicas}")
        for slot in self._supervisor.slots():
            if slot.service and slot.service not in settings.services:
                self._leave(slot, f"{slot.service} was removed")
        self._weigh(settings)

    def _add(self, service: str, kind: str, number: int, port: int) -> None:
        catalog, checks = self._instances
        self._supervisor.add(
            Slot(
                id=f"{service}-{number}",
                role=kind,
                service=service,
                module=module_of(kind),
                number=number,
                preferred_port=port,
                port=port,
                catalog=catalog,
                checks=checks,
            )
        )

    def _keep(self, slot: Slot) -> None:
        """It was on its way out and is wanted again."""
        slot.leaving = False
        self._drain.cancel(slot)
        if slot.running is None:
            self._supervisor.start(slot)
        else:
            slot.wanted = True
            slot.catalog.apply(slot.id, Undrained("wanted again"), self._clock.now(), cause="scale")
            slot.checks.watch(slot.id)

    def _leave(self, slot: Slot, why: str) -> None:
        if not slot.leaving:
            slot.leaving = True
            self._drain.begin(slot, why, then=lambda: self._supervisor.remove(slot, why))

    def _weigh(self, settings: Settings) -> None:
        catalog, _ = self._instances
        for entry in catalog:
            service = settings.services.get(entry.service)
            if service is not None and not entry.external:
                weight = service.weights.get(entry.id, 1)
                if weight != entry.weight:
                    catalog.reweigh(entry.id, weight, self._clock.now())
