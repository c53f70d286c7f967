"""Self-registration: instances that we did not start, kept as long as they renew themselves.

One that is not renewed within its `ttl` is `lost` and leaves the rotation; one that stays lost for `FORGET_S` more is
removed. A heartbeat brings a lost one back.
"""

from collections.abc import Callable

from embedded_services.common.clock import Clock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.instances import Status
from embedded_services.contracts.system import Registered, Registration
from embedded_services.registry.catalog import Catalog
from embedded_services.registry.checks import HealthChecks
from embedded_services.registry.lifecycle import Entry, Found, Lost, Trusted

FORGET_S = 60.0
MAX_EXTERNAL = 1_000


class ExternalInstances:
    def __init__(self, catalog: Catalog, checks: HealthChecks, clock: Clock, tasks: Tasks) -> None:
        self._catalog = catalog
        self._checks = checks
        self._clock = clock
        self._tasks = tasks
        self._ttl: dict[str, float] = {}
        self._expiry: dict[str, Callable[[], None]] = {}
        catalog.subscribe(self._yield_to_ours)

    def register(self, service: str, instance: str, asked: Registration) -> Registered:
        """Enter, renew or replace. Raises CONFLICT for an id that is taken by an instance of ours or of another service."""
        if instance in self._catalog:
            present = self._catalog.get(instance)
            if not present.external:
                raise ApiError(
                    "CONFLICT", f"{instance!r} is the id of an instance that this system runs itself"
                )
            if present.service != service:
                raise ApiError("CONFLICT", f"{instance!r} is registered already, for {present.service}")
        elif len(self._ttl) >= MAX_EXTERNAL:
            raise ApiError(
                "CONFLICT", f"there are {MAX_EXTERNAL} external instances already; deregister some first"
            )
        if self._is_same(instance, asked):
            self._ttl[instance] = asked.ttl
            return self.heartbeat(service, instance)
        now = self._clock.now()
        incarnation = self._catalog.get(instance).incarnation + 1 if instance in self._catalog else 1
        entry = Entry(
            id=instance,
            service=service,
            host=asked.host,
            port=asked.port,
            weight=asked.weight,
            external=True,
            health_path=asked.health_path or "",
            incarnation=incarnation,
            since=now,
            reason="registered itself",
            registered_at=now,
            expires_at=now + asked.ttl,
        )
        self._catalog.add(entry, cause="registration")
        self._ttl[instance] = asked.ttl
        self._watch_expiry(instance)
        self._check(instance, "registration")
        return Registered(id=instance, expires_at=now + asked.ttl)

    def _is_same(self, instance: str, asked: Registration) -> bool:
        """Said again, as many services do instead of a heartbeat: nothing is disturbed by it."""
        if instance not in self._catalog:
            return False
        entry = self._catalog.get(instance)
        have = (entry.host, entry.port, entry.weight, entry.health_path)
        return have == (asked.host, asked.port, asked.weight, asked.health_path or "")

    def heartbeat(self, service: str, instance: str) -> Registered:
        """Renew for another `ttl`. Raises NOT_FOUND for one that is not registered (any more)."""
        entry = self._external(service, instance)
        now = self._clock.now()
        expires_at = now + self._ttl[instance]
        self._catalog.renew(instance, expires_at)
        if entry.status is Status.LOST:
            self._catalog.apply(instance, Found("renewed itself"), now, cause="heartbeat")
            self._check(instance, "heartbeat")
        self._watch_expiry(instance)
        return Registered(id=instance, expires_at=expires_at)

    def deregister(self, service: str, instance: str, reason: str = "deregistered") -> None:
        self._external(service, instance)
        self._forget(instance, "registration", reason)

    def _check(self, instance: str, cause: str) -> None:
        """One that asked for no checks is taken at its word."""
        if self._catalog.get(instance).health_path:
            self._checks.watch(instance)
        else:
            self._checks.unwatch(instance)
            self._catalog.apply(instance, Trusted(), self._clock.now(), cause=cause)

    def _external(self, service: str, instance: str) -> Entry:
        entry = self._catalog.get(instance)
        if not entry.external or entry.service != service:
            raise ApiError("NOT_FOUND", f"{instance!r} is not registered from outside for {service}")
        return entry

    def _yield_to_ours(self, before: Entry | None, after: Entry | None) -> None:
        """An instance of ours that needs the id has taken its place, by scaling up for example."""
        if before is not None and before.external and after is not None and not after.external:
            self._unwatch(before.id)

    def _forget(self, instance: str, cause: str, reason: str) -> None:
        self._unwatch(instance)
        self._catalog.remove(instance, self._clock.now(), cause=cause, reason=reason)

    def _unwatch(self, instance: str) -> None:
        self._checks.unwatch(instance)
        del self._ttl[instance]
        self._cancel_expiry(instance)

    def _watch_expiry(self, instance: str) -> None:
        self._cancel_expiry(instance)
        self._expiry[instance] = self._tasks.spawn(self._expire(instance), f"expiry of {instance}")

    def _cancel_expiry(self, instance: str) -> None:
        cancel = self._expiry.pop(instance, None)
        if cancel is not None:
            cancel()

    async def _expire(self, instance: str) -> None:
        await self._clock.sleep(self._ttl[instance])
        self._checks.unwatch(instance)
        lost = Lost(f"not renewed within its {self._ttl[instance]:g} s")
        self._catalog.apply(instance, lost, self._clock.now(), cause="ttl")
        await self._clock.sleep(FORGET_S)
        del self._expiry[instance]  # it would end this very task
        self._forget(instance, "ttl", f"lost for {FORGET_S:g} s")
