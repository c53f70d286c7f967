"""A call whose first try, with some luck its only one, is carried out by callbacks: no task, no future, nothing that waits.

That is a third of the price of a call to a service that is well. Where more is to be done, a new connection to be made or
another try, a task is started for that (`call.py`), and its outcome told in the same way.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from embedded_services.common.tasks import Tasks
from embedded_services.upstream.call import Call
from embedded_services.upstream.failures import TryError, nobody_there
from embedded_services.upstream.messages import UpstreamRequest, UpstreamResponse
from embedded_services.upstream.one_try import answer_of, learn_failed, one_try
from embedded_services.upstream.retries import IDEMPOTENT
from embedded_services.upstream.service import Service
from embedded_services.upstream.target import Target
from embedded_services.upstream.transport import Connection

Outcome = UpstreamResponse | Exception
"""An answer to hand on, or the UpstreamError that there is none."""


class DirectCall:
    """`told` hears the outcome, once, and never before `start` has returned; after `cancel` it hears nothing."""

    _connection: Connection
    """There is one unless a task is at work."""

    __slots__ = (
        "_began",
        "_cancel_task",
        "_connection",
        "_could_repeat",
        "_epoch",
        "_request",
        "_service",
        "_target",
        "_tasks",
        "_timeout_s",
        "_told",
        "_unstarted",
    )

    def __init__(
        self,
        service: Service,
        target: Target,
        request: UpstreamRequest,
        now: float,
        tasks: Tasks,
        told: Callable[[Outcome], None],
    ) -> None:
        """Begins the call on an instance that was picked."""
        self._service = service
        self._target = target
        self._request = request
        self._began = now
        self._tasks = tasks
        self._told = told
        self._could_repeat = could_repeat = service.can_repeat and (
            request.method in IDEMPOTENT or request.repeatable
        )
        self._timeout_s = service.try_timeout_s if could_repeat else service.timeout_s
        self._cancel_task: Callable[[], object] | None = None
        self._unstarted = False
        """A task was started for the try, and has not come to it."""
        self._epoch = service.begin(target, now)

    def start(self) -> None:
        """Raises ValueError for what would not be one request."""
        request, target = self._request, self._target
        injection = self._service.injection
        if injection is not None and injection.concerns(target.id, request):
            self._unstarted = True
            self._in_task(self._try_by_task(), "try")
            return
        try:
            message = request.message(target.authority, self._service.deadline_field)
        except BaseException as error:
            self._learn(error)
            raise
        repeatable = request.repeatable or request.method in IDEMPOTENT
        connection = target.pool.take(surely_alive=not repeatable)
        if connection is None:
            self._unstarted = True
            self._in_task(self._connect(message), "connect")
            return
        self._connection = connection
        try:
            connection.begin(message, request.method == "HEAD", self._timeout_s, self._ended)
        except TryError as failure:
            self._failed(failure)

    def cancel(self) -> None:
        """Nobody waits for the outcome any more."""
        self._told = _nobody
        if self._cancel_task is not None:
            self._cancel_task()
        else:
            self._connection.close()
            self._learn(None)

    async def _connect(self, message: bytes) -> None:
        self._unstarted = False
        service = self._service
        try:
            connection = await self._target.pool.connect(
                min(service.policy.connect_timeout_s, self._timeout_s)
            )
            self._cancel_task = None
            self._connection = connection
            connection.begin(message, self._request.method == "HEAD", self._timeout_s, self._ended)
        except TryError as failure:
            self._failed(failure)
        except BaseException as error:
            self._learn(error)
            raise

    async def _try_by_task(self) -> None:
        """A try that somebody else has a say in."""
        self._unstarted = False
        service = self._service
        try:
            answer = await one_try(
                service, self._target, self._epoch, self._request, self._began, self._timeout_s,
                service.deadline_field,
            )  # fmt: skip
        except TryError as failure:
            self._go_on(failure)
        except Exception as error:  # noqa: BLE001 - it is told, as every outcome
            self._told(error)
        else:
            self._answered(answer)

    def _ended(self, failure: Exception | None) -> None:
        if failure is None:
            service = self._service
            answer = answer_of(
                service, self._target, self._epoch, self._began, self._connection,
                head_only=self._request.method == "HEAD",
            )  # fmt: skip
            if service.hears and self._request.touches is not None:
                self._request.touches.hear(answer.headers)
            self._answered(answer)
        elif isinstance(failure, TryError):
            self._failed(failure)
        else:
            self._learn(failure)
            self._told(failure)

    def _answered(self, answer: UpstreamResponse) -> None:
        service = self._service
        if answer.status < 500:
            self._told(answer)
        elif self._could_repeat and answer.status in service.policy.retries.statuses:
            self._go_on(answer)
        else:
            service.failures += answer.status != 501
            self._told(answer)

    def _failed(self, failure: TryError) -> None:
        self._learn(failure)
        self._go_on(failure)

    def _learn(self, error: BaseException | None) -> None:
        learn_failed(self._service, self._target, self._epoch, self._began, self._timeout_s, error)

    def _go_on(self, outcome: UpstreamResponse | TryError) -> None:
        """With what may be done besides this try."""
        self._in_task(self._resume(outcome), "call")

    def _in_task(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = self._tasks.start(work, name)
        task.add_done_callback(self._left)
        self._cancel_task = task.cancel

    def _left(self, task: asyncio.Task[None]) -> None:
        """A task has ended. Whoever waits must hear of one that was taken down with all others, or failed."""
        if task.cancelled():
            if self._unstarted:
                self._learn(None)
            self._told(nobody_there(self._service.name, "this process is stopping"))
        elif (error := task.exception()) is not None:
            self._told(error if isinstance(error, Exception) else RuntimeError(str(error)))

    async def _resume(self, outcome: UpstreamResponse | TryError) -> None:
        call = Call(self._service, self._request, self._tasks, self._began)
        told: Outcome
        try:
            told = await call.resume(self._target, outcome)
        except Exception as error:  # noqa: BLE001 - it is told, as every outcome
            told = error
        self._told(told)


def _nobody(_: Outcome) -> None: ...
