"""The generator: carries out one plan at a time, which may change while it runs, and tells how it goes.

A run begins with the first client's token, so that its first requests are not refused for want of one; if that cannot be had,
it begins all the same, and says so. It ends when its time is over or it is told to stop.
"""

import logging
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from embedded_services.common.clock import Clock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.traffic import (
    SAMPLE_S,
    Cause,
    Phase,
    Traffic,
    TrafficOrder,
    TrafficPlan,
    TrafficSample,
)
from embedded_services.traffic.accounts import Accounts
from embedded_services.traffic.clients import Crowd
from embedded_services.traffic.flights import Flights, TokenChange
from embedded_services.traffic.mix import CATALOGUE, Choice, head, kinds_of, needs_accounts
from embedded_services.traffic.notes import notes
from embedded_services.traffic.once import Answer
from embedded_services.traffic.pacer import TOO_LATE_S, Pacer
from embedded_services.traffic.schedule import NEVER
from embedded_services.traffic.tally import Tally

FETCH_S: Final = 5.0
STOP_S: Final = 0.5
"""What is under way when traffic is stopped may take so long to end."""
KEPT_SAMPLES: Final = 240
MOST_PRODUCTS: Final = 20
TIDY_EVERY: Final = 4

log = logging.getLogger(__name__)


class _Product(msgspec.Struct, frozen=True):
    id: str


class _Catalogue(msgspec.Struct, frozen=True):
    items: list[_Product]


_decode_catalogue = msgspec.json.Decoder(_Catalogue).decode


class Run:
    """All that one run consists of; `over` is called when its time is."""

    def __init__(self, order: TrafficOrder, clock: Clock, tasks: Tasks, over: Callable[[], None]) -> None:
        self.number = order.run
        self.plan = order.plan
        self._clock = clock
        self._tasks = tasks
        self.tally = Tally()
        self.flights = Flights(clock, tasks, order.host, order.port, self.tally)
        self.accounts = Accounts(clock)
        self.crowd = Crowd(self.accounts)
        self.pacer = Pacer(clock, self._arrive, over)
        self.began: float | None = None
        self._products: list[str] = []
        self._choice = Choice([], 0)
        self._signing_in: Callable[[], None] | None = None
        self._prepare()

    # --- the plan -------------------------------------------------------------------------------------------------

    def change(self, plan: TrafficPlan) -> None:
        """Go on by another plan: clients that stay keep their connections and tokens."""
        before, self.plan = self.plan, plan
        self._prepare()
        if self.began is None:
            return
        if _schedule(before) != _schedule(plan):
            self.pacer.begin(plan, self._until())
        elif before.duration_s != plan.duration_s:
            self.pacer.end_at(self._until())

    def sign_in(self) -> bool:
        """Begin to get tokens. False when nothing of the plan needs one: it may begin at once."""
        if not needs_accounts(self.plan):
            return False
        if self._signing_in is None:
            work = self.accounts.keep_signed_in(self.flights.name, self._fetch, self._tried)
            self._signing_in = self._tasks.spawn(work, "sign in")
        return True

    def begin(self) -> None:
        """Send."""
        if self.began is None:
            self.began = self._clock.monotonic()
            self.pacer.begin(self.plan, self._until())

    def _until(self) -> float:
        if self.plan.duration_s is None or self.began is None:
            return NEVER
        return self.began + self.plan.duration_s

    def _prepare(self) -> None:
        self.accounts.resize(self.plan.clients)
        self.crowd.resize(self.plan.clients)
        kinds = kinds_of(self.plan, self.flights.name, self._products)
        self._choice = Choice(kinds, self.plan.seed)
        self.tally.kinds(kinds)

    # --- what happens ---------------------------------------------------------------------------------------------

    def _arrive(self, due: float, now: float) -> None:
        if now - due > TOO_LATE_S:
            self.tally.unsent(Cause.TOO_LATE)
        elif len(self.flights) >= self.plan.max_in_flight:
            self.tally.unsent(Cause.NOT_SENT)
        else:
            number, ask = self._choice.draw()
            self.flights.send(self.crowd.next(), self.tally.sent(number, now - due), ask, due)

    def _tried(self) -> None:
        """A sign-in was tried. Whatever came of it, traffic begins; the catalogue is read once somebody may."""
        if self.accounts.trouble or self._products:
            self.begin()
        else:
            self._tasks.spawn(self._read_catalogue(), "read the catalogue")

    async def _read_catalogue(self) -> None:
        token = self.accounts.token(0)
        request = head("GET", CATALOGUE, self.flights.name)
        answer = await self._fetch(0, request + f"Authorization: Bearer {token}\r\n\r\n".encode())
        if not isinstance(answer, Cause) and answer[0] == 200:
            try:
                products = _decode_catalogue(answer[1]).items
            except msgspec.DecodeError as error:
                log.warning("the catalogue cannot be read: %s", error)
            else:
                self._products = [product.id for product in products[:MOST_PRODUCTS]]
                self._prepare()
        self.begin()

    async def _fetch(self, client: int, request: bytes) -> Answer:
        return await self.flights.fetch(self.crowd.number(client), request, FETCH_S)

    # --- its end --------------------------------------------------------------------------------------------------

    def close(self) -> None:
        if self._signing_in is not None:
            self._signing_in()
        self.pacer.close()
        self.flights.cancel_all()
        self.crowd.close()


class Engine:
    """`changed` is called when there is something new to tell."""

    def __init__(self, clock: Clock, tasks: Tasks, changed: Callable[[], None]) -> None:
        self._clock = clock
        self._tasks = tasks
        self._changed = changed
        self._run: Run | None = None
        self._told = Traffic()
        self._phase = Phase.STOPPED
        self._reason = ""
        self._sampled_at = 0.0
        self.samples: deque[tuple[int, TrafficSample]] = deque(maxlen=KEPT_SAMPLES)
        self.last_sample = 0
        self.change_token: TokenChange | None = None

    @property
    def traffic(self) -> Traffic:
        """As it is, with figures as of the last sample."""
        return self._told

    def obey(self, order: TrafficOrder) -> None:
        """Begin a run, or change the one that is running."""
        run = self._run
        if run is not None and run.number == order.run and self._phase in (Phase.SIGNING_IN, Phase.RUNNING):
            run.change(order.plan)
            run.sign_in()
        else:
            self._end("another run began")
            run = self._run = Run(order, self._clock, self._tasks, self._time_over)
            run.flights.change_token = self.change_token
            self._sampled_at = self._clock.monotonic()
            self._told = Traffic(run=order.run, since=self._clock.now())
            self._phase, self._reason = Phase.SIGNING_IN, "the first client gets its token"
            if not run.sign_in():
                run.begin()
        self._tell()

    async def stop(self, reason: str) -> None:
        """Send nothing more; what is under way gets a moment to end, and is given up then."""
        run = self._run
        if run is None or self._phase is Phase.STOPPED:
            return
        run.pacer.stop()
        self._phase, self._reason = Phase.FINISHING, reason
        deadline = self._clock.monotonic() + STOP_S
        while len(run.flights) and self._clock.monotonic() < deadline and self._run is run:
            await self._clock.sleep(0.02)
        if self._run is run:
            self._end(reason)

    async def run(self) -> None:
        """Sample four times a second while traffic runs, until cancelled."""
        turn = 0
        while True:
            due = self._sampled_at + SAMPLE_S
            now = self._clock.monotonic()
            await self._clock.sleep(due - now if now < due else SAMPLE_S)
            run = self._run
            if run is None:
                continue
            self._sample(run)
            turn += 1
            if turn % TIDY_EVERY == 0:
                run.crowd.tidy(self._clock.monotonic())

    def close(self) -> None:
        self._end("the traffic process was stopped")

    # --- inside ---------------------------------------------------------------------------------------------------

    def _time_over(self) -> None:
        run = self._run
        if run is not None:
            self._phase, self._reason = Phase.FINISHING, f"its {run.plan.duration_s:g} s are over"

    def _sample(self, run: Run) -> None:
        now = self._clock.monotonic()
        run.flights.expire(now, run.plan.timeout_s)
        if self._phase is Phase.SIGNING_IN and run.began is not None:
            self._phase, self._reason = Phase.RUNNING, ""
        self._keep(run, now)
        if self._phase is Phase.FINISHING and not len(run.flights):
            self._end(self._reason)
        else:
            self._tell()

    def _keep(self, run: Run, now: float) -> None:
        span, self._sampled_at = max(now - self._sampled_at, 0.001), now
        sample = run.tally.sample(
            run.number,
            self._clock.now(),
            span,
            run.pacer.asked(now),
            len(run.flights),
            run.flights.waited(now),
        )
        self.last_sample += 1
        self.samples.append((self.last_sample, sample))

    def _end(self, reason: str) -> None:
        run = self._run
        if run is None:
            return
        run.close()
        self._keep(run, self._clock.monotonic())
        self._phase, self._reason = Phase.STOPPED, reason
        self._told = msgspec.structs.replace(self._told, ended_at=self._clock.now())
        self._tell()
        self._run = None

    def _tell(self) -> None:
        run = self._run
        if run is None:
            return
        totals = run.tally.totals()
        self._told = msgspec.structs.replace(
            self._told,
            phase=self._phase,
            reason=self._reason,
            plan=run.plan,
            asked=round(run.pacer.asked(self._clock.monotonic()), 3),
            in_flight=len(run.flights),
            clients=len(run.crowd),
            addresses=run.crowd.addresses,
            users=len(run.accounts),
            signed_in=run.accounts.signed_in,
            totals=totals,
            notes=notes(run.plan, totals, run.crowd.addresses, run.accounts),
        )
        self._changed()


def _schedule(plan: TrafficPlan) -> tuple[object, ...]:
    return plan.rate, plan.arrivals, plan.seed, plan.steps
