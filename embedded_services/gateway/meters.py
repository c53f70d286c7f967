"""What all requests together say of the gateway: how many, how long, how they ended, by route and by instance.

The hot path is `add`: one lookup and one append. `digest` does the rest a few times a second, whether anybody asks or
not, so that what waits is bounded by what a second can bring.
"""

from collections import Counter
from typing import Final

from embedded_services.contracts.gateway import Route
from embedded_services.contracts.instances import Latency
from embedded_services.contracts.settings import Settings
from embedded_services.gateway.limiting import EXEMPT
from embedded_services.telemetry.series import WINDOW_S, Recent, Series, together

MAX_SERIES: Final = 1_000
NO_ROUTE: Final = "none"
OTHERS: Final = "others"
"""The instance of series for which there was no room."""
CLIENT_LEFT: Final = 499

_Key = tuple[str | None, str | None, str | None, int]
_Row = tuple[str, str | None]
"""A route as it is told: its prefix and its service. Several may share a prefix, and differ in their methods."""


class Meters:
    """Probes of the gateway itself (`/health` and the like) are counted, but in no total and no rate: they come every
    second, and are nothing that anybody asked for."""

    def __init__(self, settings: Settings) -> None:
        self._waiting: dict[_Key, list[float]] = {}
        self._series_of: dict[_Key, Series] = {}
        self._series: dict[tuple[str, str, str], Series] = {}
        self._second = -1
        self._rows: list[_Row] = []
        self._recent: dict[_Row, tuple[float, Latency]] = {}
        self.recent = Recent.nothing()
        """The last ten seconds of all routes, up to the last whole second."""
        self.latency = Latency()
        self.apply(settings)

    def apply(self, settings: Settings) -> None:
        """Other routes from now on."""
        self._settle()
        self._waiting, self._series_of = {}, {}
        self._rows = list(dict.fromkeys((route.prefix, route.service) for route in settings.routes))

    def add(
        self, route: str | None, service: str | None, instance: str | None, status: int, took_s: float
    ) -> None:
        """A request was answered."""
        key = (route, service, instance, status)
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._begin(key)
        waiting.append(took_s)

    def digest(self, now: float) -> bool:
        """Take in what waits. Whether a second has ended, so that rates and latencies are new; `now` never runs back."""
        self._settle()
        second = int(now)
        ended = min(second - self._second, WINDOW_S + 1) if self._second >= 0 else 1
        if ended <= 0:
            return False
        self._second = second
        for _ in range(ended):
            for series in self._series.values():
                series.turn()
        self._look()
        return True

    def series(self) -> list[Series]:
        """All of them, with what waits taken in."""
        self._settle()
        return list(self._series.values())

    def routes(self) -> list[Route]:
        """What was asked of each route: of those in the settings, and of others that were asked for. Routes that share a
        prefix are told apart by their services."""
        self._settle()
        statuses: dict[_Row, Counter[int]] = {row: Counter() for row in self._rows}
        for series in self._asked():
            statuses.setdefault(_row(series), Counter()).update(series.statuses)
        told = []
        for row, counts in statuses.items():
            rate, latency = self._recent.get(row, (0.0, Latency()))
            classes: Counter[str] = Counter()
            for status, number in counts.items():
                classes[_class_of(status)] += number
            told.append(
                Route(
                    prefix=row[0],
                    service=row[1],
                    requests=counts.total(),
                    rate=rate,
                    latency_ms=latency,
                    statuses=dict(sorted(classes.items())),
                )
            )
        return told

    def _look(self) -> None:
        by_route: dict[_Row, list[Series]] = {}
        for series in self._asked():
            if series.recent.requests:
                by_route.setdefault(_row(series), []).append(series)
        recent = {row: together(members) for row, members in by_route.items()}
        self._recent = {row: (window.rate, window.latency) for row, window in recent.items()}
        self.recent = together([series for members in by_route.values() for series in members])
        self.latency = self.recent.latency

    def _asked(self) -> list[Series]:
        return [series for series in self._series.values() if series.route not in EXEMPT]

    def _settle(self) -> None:
        for key, took_s in self._waiting.items():
            if took_s:
                self._series_of[key].digest(key[3], took_s)
                took_s.clear()

    def _begin(self, key: _Key) -> list[float]:
        """The list that latencies of such requests wait in."""
        route, service, instance, _ = key
        name = (route or NO_ROUTE, service or "", instance or "")
        if name not in self._series and len(self._series) >= MAX_SERIES:
            name = (NO_ROUTE, "", OTHERS)
        series = self._series.get(name)
        if series is None:
            series = self._series[name] = Series(*name)
        if len(self._series_of) >= 4 * MAX_SERIES:  # odd statuses, or instances that came and went
            self._settle()
            self._waiting, self._series_of = {}, {}
        self._series_of[key] = series
        waiting: list[float] = []
        self._waiting[key] = waiting
        return waiting


def _row(series: Series) -> _Row:
    return series.route, series.service or None


def _class_of(status: int) -> str:
    return "499" if status == CLIENT_LEFT else f"{status // 100}xx"
