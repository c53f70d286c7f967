"""The orchestrator among the peers: it is a process of the system and no service, and yet it is called like one."""

import msgspec

from embedded_services.contracts.agent import Peer, Peers, ServicePeers
from embedded_services.contracts.sagas import ORCHESTRATOR
from embedded_services.registry.catalog import Catalog


def with_orchestrator(instances: Catalog, processes: Catalog) -> Peers:
    """Who can be called now. A service of that name takes its place."""
    peers = instances.peers()
    if ORCHESTRATOR not in processes or ORCHESTRATOR in peers.services:
        return msgspec.structs.replace(peers, revision=peers_revision(instances, processes))
    entry = processes.get(ORCHESTRATOR)
    if entry.in_rotation:
        one = Peer(
            id=entry.id, incarnation=entry.incarnation, host=entry.host, port=entry.port, weight=entry.weight
        )
        told = ServicePeers(peers=[one])
    else:
        told = ServicePeers(peers=[], reason=f"{entry.id} is {entry.status.value} ({entry.reason})")
    services = {**peers.services, ORCHESTRATOR: told}
    return Peers(revision=peers_revision(instances, processes), services=services)


def peers_revision(instances: Catalog, processes: Catalog) -> int:
    """Grows whenever who can be called may have changed."""
    return instances.revision + processes.revision
