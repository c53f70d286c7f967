"""What the gateway tells of its requests: a record of each, counters, and the beat that carries them up.

The hot path only counts and appends. Everything is bounded, and what is not kept is counted: `seq` counts all requests
ever, so that the difference to the records that arrive can be shown. Probes of the gateway itself (`/health` and the
like) are counted in its metrics only: they come every second, and would bury what people ask for.
"""

import re
from collections import Counter, defaultdict, deque
from typing import Final

import msgspec

from embedded_services.contracts.agent import Beat
from embedded_services.contracts.system import RequestRecord
from embedded_services.gateway.exchange import Exchange
from embedded_services.gateway.limiting import EXEMPT
from embedded_services.gateway.request_log import RequestLog
from embedded_services.upstream.stats import CallBook

RECORDS_A_BEAT: Final = 200
_MAX_QUERY: Final = 200
_MAX_PATH: Final = 500
_SECRET: Final = re.compile(
    r"(?i)((?:^|&)[^=&]*(?:token|secret|passw|api-?key|auth|signature|code)[^=&]*=)[^&]*"
)


class Telemetry:
    def __init__(self, book: CallBook, request_log: RequestLog) -> None:
        self._book = book
        self._log = request_log
        self._records: deque[RequestRecord] = deque(maxlen=RECORDS_A_BEAT)
        self._told = 0
        self.seq = 0
        self.in_flight = 0
        self.answers: Counter[tuple[str, int]] = Counter()
        """By route and class of status (2 for 2xx); 4 is also what a client left before it was answered."""
        self.seconds: defaultdict[str, float] = defaultdict(float)
        """Time spent, by route."""

    def begin(self) -> None:
        self.in_flight += 1

    def end(self, exchange: Exchange, status: int, took_s: float, note: str) -> None:
        """The request is done with. `status` is 499 when the client left before there was an answer."""
        self.in_flight -= 1
        route = exchange.route or "none"
        self.answers[route, status // 100] += 1
        self.seconds[route] += took_s
        if route in EXEMPT:
            return
        self.seq += 1
        record = RequestRecord(
            id=exchange.id,
            at=exchange.at,
            method=exchange.request.method,
            path=loggable(exchange.request.path, exchange.request.query),
            status=status,
            took_ms=round(took_s * 1000, 3),
            route=exchange.route,
            service=exchange.service,
            instance=exchange.instance,
            tries=exchange.tries,
            user=exchange.identity.user if exchange.identity is not None else None,
            client=exchange.request.client,
            trace=exchange.trace.trace_id,
            note=note or exchange.note,
        )
        self._records.append(record)
        self._log.add(msgspec.json.encode(record))

    def beat(self, now: float) -> Beat | None:
        """What is new since the last beat; None if nothing is. `now` is the monotonic clock's."""
        calls = self._book.deltas(now)
        if not calls and self.seq == self._told:
            return None
        records = list(self._records)
        self._records.clear()
        self._told = self.seq
        return Beat(calls=calls, requests=records, requests_seq=self.seq)


def loggable(path: str, query: str) -> str:
    """The path as it may be shown and stored: of bounded length, and without what looks like a secret."""
    shown = path if len(path) <= _MAX_PATH else f"{path[:_MAX_PATH]}…"
    if not (path.isascii() and query.isascii()):
        shown, query = _readable(shown), _readable(query)
    if not query:
        return shown
    query = _SECRET.sub(r"\1…", query)
    return f"{shown}?{query}" if len(query) <= _MAX_QUERY else f"{shown}?{query[:_MAX_QUERY]}…"


def _readable(text: str) -> str:
    """Without the stand-ins for bytes that were no text."""
    return text.encode("utf-8", "replace").decode()
