"""A call that takes more than its first try, or whose tries are to be explained: wait for a slot, try, repeat, hedge.

The common case, one try that succeeds, does not come here (`client.py`); what it began is carried on by `resume`.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field

from embedded_services.common.tasks import Tasks
from embedded_services.contracts.gateway import Attempt, Candidate, DecisionKind
from embedded_services.upstream import failures, retries
from embedded_services.upstream.failures import FailedTry, TryError, UpstreamError
from embedded_services.upstream.messages import UpstreamRequest, UpstreamResponse
from embedded_services.upstream.one_try import one_try
from embedded_services.upstream.retries import Fault, Next, Situation
from embedded_services.upstream.service import Service, deadline_field
from embedded_services.upstream.target import Target

Outcome = UpstreamResponse | TryError


@dataclass(slots=True)
class _Choice:
    """An instance that was picked, on which the call has begun."""

    target: Target
    epoch: int
    reason: str
    why: str
    candidates: list[Candidate] = field(default_factory=list)
    waited_s: float = 0.0
    fresh: bool = False


class _Waiter:
    """A `service.Waiter`: the slot that it was given, when `told` is done, or None if nobody is left to wait for."""

    def __init__(self, key: str | None) -> None:
        self.key = key
        self.granted: tuple[Target, int] | None = None
        self.told: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def grant(self, target: Target, epoch: int) -> None:
        self.granted = target, epoch
        self._tell()

    def refuse(self) -> None:
        self._tell()

    def _tell(self) -> None:
        if not self.told.done():
            self.told.set_result(None)


class Call:
    """One call, all its tries. `tasks` owns those of a hedged one; `started` is now."""

    def __init__(self, service: Service, request: UpstreamRequest, tasks: Tasks, started: float) -> None:
        self._service = service
        self._request = request
        self._tasks = tasks
        self._policy = service.policy
        self._started = started
        timeout_s = service.timeout_s
        if request.within_s is not None:
            timeout_s = min(timeout_s, request.within_s)
        self._deadline = started + timeout_s
        self._repeatable = retries.is_repeatable(request.method, request.repeatable)
        self._intact = isinstance(request.body, bytes)
        self._tried: set[str] = set()
        self._failed: list[FailedTry] = []
        self._attempts: list[Attempt] = []
        self._note = ""

    async def run(self) -> UpstreamResponse:
        """From the beginning. Raises UpstreamError; an error of the request's own body is passed on as it is."""
        if self._deadline <= self._started:
            self._service.failures += 1
            raise failures.no_time_left(self._service.name)
        try:
            choice = self._first(self._started) or await self._in_line()
            choice, outcome = await self._try(choice)
            return await self._pursue(choice, outcome)
        except UpstreamError:
            self._service.failures += 1
            raise

    async def resume(self, target: Target, outcome: Outcome) -> UpstreamResponse:
        """After a first try. Raises as `run` does."""
        self._tried.add(target.id)
        choice = _Choice(target, 0, self._service.balancer.word, "")
        self._record(choice, outcome, self._started)
        try:
            return await self._pursue(choice, outcome)
        except UpstreamError:
            self._service.failures += 1
            raise

    async def _pursue(self, choice: _Choice, outcome: Outcome) -> UpstreamResponse:
        """Repeat what may be repeated, until there is an answer to hand on. Raises UpstreamError."""
        policy = self._policy.retries
        while True:
            if isinstance(outcome, UpstreamResponse) and outcome.status not in policy.statuses:
                return self._finish(outcome)
            fault, reason, status = _said(outcome)
            self._failed.append(FailedTry(choice.target.id, fault, reason, status))
            following = await self._next(choice, fault)
            if following is not None:
                if isinstance(outcome, UpstreamResponse):
                    outcome.close()
                choice, outcome = await self._try(following)
            elif isinstance(outcome, UpstreamResponse):
                self._failed.pop()
                return self._finish(outcome)
            else:
                raise failures.all_failed(
                    self._service.name, tuple(self._failed), tuple(self._attempts), self._note
                )

    async def _next(self, before: _Choice, fault: Fault) -> _Choice | None:
        """Where to try again, after the wait that is due; None to leave it at what there is."""
        service, policy = self._service, self._policy
        now = service.monotonic()
        step = retries.decide(
            Situation(
                fault=fault,
                repeatable=self._repeatable,
                intact=self._intact or fault in retries.NOTHING_SENT,
                tries=len(self._failed),
                allowed=policy.tries,
                untried=self._has_untried(),
                time_left_s=self._deadline - now,
                enabled=policy.retries.enabled,
            )
        )
        if step is Next.AGAIN:
            target = before.target
            why = f"retry: {target.id} again, on a new connection"
            return _Choice(target, service.begin(target, now), "retry", why, fresh=True)
        wait = retries.wait_s(fault, len(self._failed), policy.retries, service.draw())
        if step is Next.GIVE_UP or wait >= self._deadline - now:
            return None
        if fault is not Fault.STALE and not self._may_spend(now):
            return None
        if wait > 0.0:
            await service.clock.sleep(wait)
            if self._request.touches is not None:
                self._request.touches.waited(wait)
            service.settle(service.monotonic())
        following = self._pick("retry", f"retry: not {_listed(self._tried)} again")
        if following is not None:
            service.retries += 1
            following.waited_s = wait
        return following

    def _may_spend(self, now: float) -> bool:
        """Whether the service can afford one more repetition; it is counted then."""
        service = self._service
        if service.budget.take(now, self._policy.retries):
            return True
        self._note = "the retry budget is spent"
        service.tell_often(DecisionKind.BUDGET_SPENT, "retry budget spent: calls are not repeated")
        return False

    def _has_untried(self) -> bool:
        service = self._service
        return any(
            target.id not in self._tried and target.id not in service.full for target in service.eligible
        )

    # --- choosing ---

    def _first(self, now: float) -> _Choice | None:
        """Whose turn it is; None if nobody has a slot. Raises UpstreamError if nobody may be asked."""
        service = self._service
        choice = self._pick("", "", now)
        if choice is None and not service.eligible:
            raise self._nobody(now)
        return choice

    def _pick(self, reason: str, why: str, now: float | None = None) -> _Choice | None:
        """Without a `reason`, the strategy's own."""
        service, request = self._service, self._request
        now = service.monotonic() if now is None else now
        candidates = service.candidates(now, self._tried) if request.explain else []
        out: Collection[str] = service.full | self._tried if self._tried else service.full
        target = service.balancer.pick(now, request.affinity, out, again=bool(self._tried))
        if target is None:
            return None
        if not reason:
            reason, why = service.why(target, now, request.affinity, out)
        return _Choice(target, service.begin(target, now), reason, why, candidates)

    async def _in_line(self) -> _Choice:
        """Wait for a slot. Raises UpstreamError when that is not to be had."""
        service, policy = self._service, self._policy.concurrency
        waiter = _Waiter(self._request.affinity)
        if not service.line.join(waiter, policy.queue):
            service.rejected["queue-full"] += 1
            service.tell_often(
                DecisionKind.QUEUE_FULL, f"all full, and {policy.queue} calls wait: others are refused"
            )
            raise failures.queue_full(service.name, len(service.targets), policy.limit, len(service.line))
        began = service.monotonic()
        left = self._deadline - began
        try:
            async with asyncio.timeout(min(policy.queue_timeout_s, left)):
                await waiter.told
        except TimeoutError:
            if waiter.granted is None:
                service.line.leave(waiter)
                service.rejected["queue-timeout"] += 1
                waited = service.monotonic() - began
                raise failures.queue_timeout(
                    service.name, len(service.targets), policy.limit, waited
                ) from None
        except BaseException:
            service.line.leave(waiter)
            if waiter.granted is not None:
                service.end(*waiter.granted, service.monotonic(), failed=None)
            raise
        now = service.monotonic()
        if waiter.granted is None:
            raise self._nobody(now)
        target, epoch = waiter.granted
        candidates = service.candidates(now, ()) if self._request.explain else []
        why = f"first to have a free slot, after {(now - began) * 1000:.0f} ms in the line"
        return _Choice(target, epoch, service.balancer.word, why, candidates, now - began)

    def _nobody(self, now: float) -> UpstreamError:
        """Nobody is there, or nobody who may be asked."""
        service = self._service
        if not service.targets:
            service.rejected["nobody"] += 1
            return failures.nobody_there(service.name, service.reason)
        service.rejected["breakers-open"] += 1
        if service.injection is not None:
            service.injection.blame(self._request)
        outs = [f"{target.id} {service.why_out(target)}" for target in service.targets]
        return failures.nobody_fit(service.name, outs, service.next_event_s(now))

    # --- trying ---

    async def _try(self, choice: _Choice) -> tuple[_Choice, Outcome]:
        """The outcome, and which choice it came from: with hedging, that may be another one."""
        self._tried.add(choice.target.id)
        may_hedge = self._repeatable and self._intact and self._request.upgraded is None
        if may_hedge and self._policy.hedging.enabled and self._has_untried():
            return await self._hedged(choice)
        began = self._service.monotonic()
        outcome = await self._once(choice)
        self._record(choice, outcome, began)
        return choice, outcome

    async def _once(self, choice: _Choice) -> Outcome:
        """One try. It may not take longer than a try may, as long as there could be another one."""
        service = self._service
        now = service.monotonic()
        left = self._deadline - now
        could_repeat = (
            self._repeatable
            and self._intact
            and self._policy.retries.enabled
            and len(self._failed) + 1 < self._policy.tries
            and self._has_untried()
        )
        timeout_s = retries.try_timeout(left, self._policy.try_timeout_s, could_repeat)
        try:
            return await one_try(
                service, choice.target, choice.epoch, self._request, now, timeout_s, deadline_field(left),
                fresh=choice.fresh,
            )  # fmt: skip
        except TryError as failure:
            return failure

    async def _hedged(self, choice: _Choice) -> tuple[_Choice, Outcome]:
        """Ask a second instance too if the first one takes long; whoever answers first is listened to."""
        service = self._service
        began = service.monotonic()
        running = {self._tasks.start(self._once(choice), "try"): (choice, began)}
        timer = self._tasks.start(service.clock.sleep(self._policy.hedging.after_s), "hedge")
        try:
            await asyncio.wait({*running, timer}, return_when=asyncio.FIRST_COMPLETED)
            if timer.done() and not any(task.done() for task in running):
                second = self._hedge(choice)
                if second is not None:
                    self._tried.add(second.target.id)
                    task = self._tasks.start(self._once(second), "hedge")
                    running[task] = second, service.monotonic()
            while True:
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                task = min(done, key=lambda task: isinstance(task.result(), TryError))
                winner, begun = running.pop(task)
                outcome = task.result()
                self._record(winner, outcome, begun)
                if isinstance(outcome, UpstreamResponse) or not running:
                    break
                fault, reason, status = _said(outcome)
                self._failed.append(FailedTry(winner.target.id, fault, reason, status))
        finally:
            timer.cancel()
            for task in running:
                task.add_done_callback(_discard)
                task.cancel()
        for loser, begun in running.values():
            self._record(loser, f"cancelled: {winner.target.id} was faster", begun)
        if winner is not choice and isinstance(outcome, UpstreamResponse):
            service.hedges_won += 1
        return winner, outcome

    def _hedge(self, first: _Choice) -> _Choice | None:
        """A second instance, if there is one and it can be afforded."""
        service = self._service
        if not self._has_untried() or not self._may_spend(service.monotonic()):
            return None
        after_ms = self._policy.hedging.after_s * 1000
        second = self._pick("hedge", f"hedge: no answer from {first.target.id} after {after_ms:.0f} ms")
        service.hedges += second is not None
        return second

    # --- telling ---

    def _finish(self, response: UpstreamResponse) -> UpstreamResponse:
        service = self._service
        service.failures += failures.is_failure(response.status)
        response.failed = tuple(self._failed)
        response.took_s = service.monotonic() - self._started
        if self._request.explain or len(self._attempts) > 1:
            response.attempts = tuple(self._attempts)
        return response

    def _record(self, choice: _Choice, outcome: Outcome | str, began: float) -> None:
        now = self._service.monotonic()
        said = str(outcome.status) if isinstance(outcome, UpstreamResponse) else str(outcome)
        self._attempts.append(
            Attempt(
                instance=choice.target.id,
                reason=choice.reason,
                why=choice.why,
                outcome=said,
                at_ms=_ms(began - self._started),
                took_ms=_ms(now - began),
                waited_ms=_ms(choice.waited_s),
                candidates=choice.candidates,
            )
        )


def _said(outcome: Outcome) -> tuple[Fault, str, int]:
    if isinstance(outcome, TryError):
        return outcome.fault, str(outcome), 0
    return Fault.STATUS, f"answered {outcome.status}", outcome.status


def _discard(task: asyncio.Task[Outcome]) -> None:
    """An answer that nobody waits for any more gives its connection back."""
    if not task.cancelled() and task.exception() is None:
        outcome = task.result()
        if isinstance(outcome, UpstreamResponse):
            outcome.close()


def _listed(names: Collection[str]) -> str:
    return " or ".join(sorted(names))


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
