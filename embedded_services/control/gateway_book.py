"""What the gateway said last of itself: rows for those who look, rings of what happened, kept while it is away.

A restarted gateway counts from zero, so everything of the incarnation before goes when the first beat of the next one
comes; rings go on.
"""

from collections.abc import Callable

from embedded_services.common.ring import Ring
from embedded_services.contracts.agent import Beat
from embedded_services.contracts.gateway import (
    Decision,
    GatewayTotals,
    LimitClient,
    LimitTotals,
    Pick,
    Upstream,
)
from embedded_services.control.tally import Tally


class GatewayBook:
    PICKS = 2_000
    DECISIONS = 5_000

    def __init__(self, changed: Callable[..., None]) -> None:
        """`changed` hears the names of the stream's topics."""
        self._changed = changed
        self._incarnation = 0
        self._picked, self._decided = Tally(), Tally()
        self.upstreams: dict[str, Upstream] = {}
        self.totals: GatewayTotals | None = None
        self.limit_totals: LimitTotals | None = None
        self.limit_clients: dict[str, LimitClient] = {}
        self.picks: Ring[Pick] = Ring(self.PICKS)
        self.decisions: Ring[Decision] = Ring(self.DECISIONS)

    def report(self, incarnation: int, beat: Beat) -> None:
        if incarnation != self._incarnation:
            self._restarted(incarnation)
        if beat.upstreams:
            self.upstreams.update((row.service, row) for row in beat.upstreams)
            self._changed("upstreams")
        if beat.gateway is not None:
            self.totals = beat.gateway
            self._changed("gateway")
        if beat.limits is not None:
            self.limit_totals = beat.limits
            self._changed("limit-totals")
        if beat.limit_clients is not None:
            self.limit_clients = {client.key: client for client in beat.limit_clients}
            self._changed("limit-clients")
        if self._picked.put(self.picks, incarnation, beat.picks, beat.picks_seq):
            self._changed("picks")
        if self._decided.put(self.decisions, incarnation, beat.decisions, beat.decisions_seq):
            self._changed("decisions")

    def keep_services(self, names: set[str]) -> None:
        """Services that are no longer in the settings are forgotten."""
        for name in self.upstreams.keys() - names:
            del self.upstreams[name]
            self._changed("upstreams")

    def _restarted(self, incarnation: int) -> None:
        self._incarnation = incarnation
        self.upstreams.clear()
        self.limit_clients.clear()
        self.totals = self.limit_totals = None
        self._changed("upstreams", "gateway", "limit-totals", "limit-clients")
