"""Who is where, and how they are: the catalogs of a system with the checks of what is in them."""

from random import Random
from typing import Final

from embedded_services.common.clock import Clock
from embedded_services.common.ring import Ring
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.agent import Peers
from embedded_services.contracts.instances import Change
from embedded_services.contracts.settings import HealthPolicy
from embedded_services.control.orchestrator_peer import peers_revision, with_orchestrator
from embedded_services.control.settings_store import SettingsStore
from embedded_services.registry.amqp_probe import AMQP, amqp_probe
from embedded_services.registry.catalog import Catalog
from embedded_services.registry.checks import HealthChecks
from embedded_services.registry.probe import ProbeResult, probe

JOURNAL_CAPACITY: Final = 5_000


class Registries:
    """`instances` are of services, `processes` of the system itself; what becomes of all of them is in one `journal`."""

    def __init__(self, settings: SettingsStore, clock: Clock, tasks: Tasks) -> None:
        self._settings = settings
        self._clock = clock
        self._tasks = tasks
        self.journal: Ring[Change] = Ring(JOURNAL_CAPACITY)
        self.instances, self.instance_checks = self.make("instance")
        self.processes, self.process_checks = self.make("process")

    def make(self, noun: str) -> tuple[Catalog, HealthChecks]:
        """One more, of what is neither."""

        async def look(host: str, port: int, path: str, timeout_s: float) -> ProbeResult:
            if path == AMQP:
                return await amqp_probe(host, port, timeout_s, self._clock)
            return await probe(host, port, path, timeout_s, self._clock)

        def policy() -> HealthPolicy:
            return self._settings.current.health

        catalog = Catalog(self.journal, policy, noun=noun)
        spread = Random()  # noqa: S311 - it spreads checks over time
        return catalog, HealthChecks(catalog, look, policy, self._clock, spread, self._tasks)

    def peers(self) -> Peers:
        """Who can be called now."""
        return with_orchestrator(self.instances, self.processes)

    @property
    def peers_revision(self) -> int:
        return peers_revision(self.instances, self.processes)
