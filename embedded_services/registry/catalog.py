"""The catalog: which instances there are, in which state, and which of them callers are sent to. Pure but for memory.

It holds an `Entry` for each instance, runs every event through `lifecycle.step`, and writes down each change of status
or rotation. Whoever needs to act on a change subscribes; the catalog itself does nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from embedded_services.common.ring import Ring
from embedded_services.contracts.agent import Peer, Peers, ServicePeers
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.instances import Change, Status
from embedded_services.contracts.settings import HealthPolicy
from embedded_services.registry.lifecycle import Entry, Event, step

Listener = Callable[[Entry | None, Entry | None], None]
"""Called with what an entry was and what it is; None before it existed and after it was removed."""


class Catalog:
    """`policy` is read at each event, so that it may change while the system runs; `noun` is what an entry is called."""

    def __init__(
        self, journal: Ring[Change], policy: Callable[[], HealthPolicy], noun: str = "instance"
    ) -> None:
        self._noun = noun
        self._entries: dict[str, Entry] = {}
        self._services: dict[str, None] = {}
        self._journal = journal
        self._policy = policy
        self._listeners: list[Listener] = []
        self._revision = 0

    def subscribe(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def declare(self, services: list[str]) -> None:
        """The services that are expected to have instances, in the order they are shown."""
        self._services = dict.fromkeys(services)

    # --- reading ------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def __contains__(self, instance: str) -> bool:
        return instance in self._entries

    def get(self, instance: str) -> Entry:
        """Raises NOT_FOUND, naming those that exist."""
        entry = self._entries.get(instance)
        if entry is None:
            known = ", ".join(sorted(self._entries)) or "none"
            raise ApiError("NOT_FOUND", f"there is no {self._noun} {instance!r}; there are: {known}")
        return entry

    def services(self) -> list[str]:
        """Every declared service and every other one that has an instance."""
        return list(self._services | dict.fromkeys(entry.service for entry in self._entries.values()))

    def of(self, service: str) -> list[Entry]:
        return [entry for entry in self._entries.values() if entry.service == service]

    def discover(self, service: str) -> list[Entry]:
        """The instances that callers are sent to. Raises SERVICE_UNAVAILABLE with the reason when there is none."""
        found = [entry for entry in self.of(service) if entry.in_rotation]
        if not found:
            raise ApiError("SERVICE_UNAVAILABLE", f"{service}: {self.why_none(service)}")
        return found

    def why_none(self, service: str) -> str:
        """Why no instance of `service` is in rotation, instance by instance."""
        entries = self.of(service)
        if not entries:
            return "it has no instances" if service in self._services else "no such service is known"
        return "; ".join(f"{entry.id} is {entry.status.value} ({entry.reason})" for entry in entries)

    @property
    def revision(self) -> int:
        """Counts up with every change of who is in rotation, and where."""
        return self._revision

    def peers(self) -> Peers:
        """The snapshot that is pushed to every caller."""
        services = {}
        for service in self.services():
            peers = [
                Peer(id=e.id, incarnation=e.incarnation, host=e.host, port=e.port, weight=e.weight)
                for e in self.of(service)
                if e.in_rotation
            ]
            services[service] = ServicePeers(peers=peers, reason="" if peers else self.why_none(service))
        return Peers(revision=self._revision, services=services)

    # --- changing -----------------------------------------------------------------------------------------------

    def add(self, entry: Entry, *, cause: str) -> None:
        """Enter or replace an instance."""
        before = self._entries.get(entry.id)
        self._entries[entry.id] = entry
        self._changed(before, entry, cause, entry.since)

    def apply(self, instance: str, event: Event, now: float, *, cause: str) -> Entry:
        """Run one event. Raises NOT_FOUND for an unknown instance."""
        before = self.get(instance)
        after = step(before, event, now, self._policy())
        self._entries[instance] = after
        self._changed(before, after, cause, now)
        return after

    def reweigh(self, instance: str, weight: int, now: float) -> None:
        before = self.get(instance)
        after = replace(before, weight=weight)
        self._entries[instance] = after
        self._changed(before, after, "settings", now)

    def renew(self, instance: str, expires_at: float) -> None:
        """Put off the expiry of an external instance."""
        before = self.get(instance)
        after = replace(before, expires_at=expires_at)
        self._entries[instance] = after
        self._notify(before, after)

    def remove(self, instance: str, now: float, *, cause: str, reason: str) -> None:
        before = self._entries.pop(instance, None)
        if before is not None:
            self._write(before, None, cause, reason, now)
            self._revision += before.in_rotation
            self._notify(before, None)

    def _changed(self, before: Entry | None, after: Entry, cause: str, now: float) -> None:
        if before is None or before.status is not after.status or before.in_rotation != after.in_rotation:
            self._write(before, after, cause, after.reason, now)
        if _as_peer(before) != _as_peer(after):
            self._revision += 1
        self._notify(before, after)

    def _write(self, before: Entry | None, after: Entry | None, cause: str, reason: str, now: float) -> None:
        entry = after or before
        if entry is None:
            return
        status: Status | None = after.status if after else None
        self._journal.append(
            Change(
                seq=self._journal.next_seq,
                at=now,
                instance=entry.id,
                service=entry.service,
                incarnation=entry.incarnation,
                before=before.status if before else None,
                after=status,
                in_rotation=after.in_rotation if after else False,
                cause=cause,
                reason=reason,
            )
        )

    def _notify(self, before: Entry | None, after: Entry | None) -> None:
        if before != after:
            for listener in self._listeners:
                listener(before, after)


def _as_peer(entry: Entry | None) -> tuple[object, ...] | None:
    """What a caller knows of an instance: a change of it must be pushed."""
    if entry is None or not entry.in_rotation:
        return None
    return entry.incarnation, entry.host, entry.port, entry.weight
