"""Health checks: one loop an instance, an interval apart with ±10 % so that they do not fall together."""

from collections.abc import Awaitable, Callable
from random import Random

from embedded_services.common.clock import Clock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.settings import HealthPolicy
from embedded_services.registry.catalog import Catalog
from embedded_services.registry.lifecycle import CHECKED, CheckFailed, CheckPassed, Entry
from embedded_services.registry.probe import ProbeResult

Probe = Callable[[str, int, str, float], Awaitable[ProbeResult]]
"""`(host, port, path, timeout in seconds)`."""


class HealthChecks:
    """Checks every instance of the catalog that `watch` was called for, until `unwatch` or the end of `tasks`."""

    def __init__(
        self,
        catalog: Catalog,
        probe: Probe,
        policy: Callable[[], HealthPolicy],
        clock: Clock,
        random: Random,
        tasks: Tasks,
    ) -> None:
        self._catalog = catalog
        self._probe = probe
        self._policy = policy
        self._clock = clock
        self._random = random
        self._tasks = tasks
        self._loops: dict[str, Callable[[], None]] = {}

    def watch(self, instance: str) -> None:
        """Check now, and from now on. A check that is under way for an earlier incarnation is dropped."""
        self.unwatch(instance)
        self._loops[instance] = self._tasks.spawn(self._loop(instance), f"check {instance}")

    def unwatch(self, instance: str) -> None:
        end = self._loops.pop(instance, None)
        if end is not None:
            end()

    async def _loop(self, instance: str) -> None:
        while instance in self._catalog:
            began = self._clock.monotonic()
            await self._check(self._catalog.get(instance))
            pause = self._policy().interval_s * self._random.uniform(0.9, 1.1)
            await self._clock.sleep(max(0.0, began + pause - self._clock.monotonic()))

    async def _check(self, entry: Entry) -> None:
        if entry.status not in CHECKED:
            return
        result = await self._probe(entry.host, entry.port, entry.health_path, self._policy().timeout_s)
        if entry.id not in self._catalog or self._catalog.get(entry.id).incarnation != entry.incarnation:
            return
        event = CheckPassed(result.latency_ms) if result.ok else CheckFailed(result.message)
        self._catalog.apply(entry.id, event, self._clock.now(), cause="check")
