"""What is done to one call by a fault that was armed for the run: around the call, so that the machine sees no difference."""

from collections.abc import Awaitable, Callable

from embedded_services.common.clock import Clock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.sagas import ArmedFault, FaultKind
from embedded_services.sagas.definition import Step
from embedded_services.sagas.participants import Answer, No, Nobody, Unknown

Calling = Callable[[float], Awaitable[Answer]]
"""The call itself, given the seconds it may take."""


async def faulty(fault: ArmedFault, step: Step, call: Calling, clock: Clock, tasks: Tasks) -> Answer:
    """A call that is slower than its timeout arrives all the same, when nobody waits for it any more."""
    match fault.kind:
        case FaultKind.FAIL_STEP:
            return No(step.fails, final=fault.final)
        case FaultKind.FAIL_COMPENSATION:
            return No("Its compensation was made to fail", final=fault.final)
        case FaultKind.REPLY_LOST:
            answer = await call(step.timeout_s)
            return answer if isinstance(answer, Nobody) else Unknown("its answer was lost, as it was made to")
        case FaultKind.SLOW:
            return await _slow(fault.delay_ms / 1000, step, call, clock, tasks)
        case FaultKind.CRASH_ORCHESTRATOR:  # the orchestrator's, not a call's
            return await call(step.timeout_s)


async def _slow(delay_s: float, step: Step, call: Calling, clock: Clock, tasks: Tasks) -> Answer:
    if delay_s < step.timeout_s:
        await clock.sleep(delay_s)
        return await call(step.timeout_s - delay_s)

    async def arrive_late() -> None:
        await clock.sleep(delay_s)
        await call(step.timeout_s)

    tasks.spawn(arrive_late(), f"late {step.name}")
    await clock.sleep(step.timeout_s)
    return Unknown(f"no answer within {step.timeout_s:g} s, as it was made to be slow")
