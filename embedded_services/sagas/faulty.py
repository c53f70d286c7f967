"""What is done to one call by a fault: around the call, so that the machine sees no difference.

A fault comes with the run that it was armed for, or from whoever knows of faults that are in force (`FaultFor`).
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from embedded_services.common.clock import Clock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.errors import ApiError, ErrorDetail
from embedded_services.contracts.sagas import ArmedFault, FaultKind
from embedded_services.sagas.definition import Definition, Step
from embedded_services.sagas.participants import Answer, No, Nobody, Unknown
from embedded_services.sagas.run import Run

Calling = Callable[[float], Awaitable[Answer]]
"""The call itself, given the seconds it may take."""

FaultFor: TypeAlias = Callable[[Run, str, bool], ArmedFault | None]
"""What acts on this call: of the run, its step's name, and whether it undoes. Asked once for each call, and
what it answers happens; `times` means nothing in the answer, and a fault that does not act in this direction is passed
over."""


def no_fault(_run: Run, _step: str, _undoing: bool) -> ArmedFault | None:
    return None


def armed(definition: Definition, given: Mapping[str, Any]) -> dict[str, ArmedFault]:
    """The faults of a run. Raises ApiError VALIDATION_FAILED for a step that there is not, or a fault that cannot be."""
    names = [step.name for step in definition.steps]
    found: dict[str, ArmedFault] = {}
    for step, fault in given.items():
        field = f"faults.{step}"
        if step not in names:
            raise _invalid(field, f"is no step; one of {', '.join(names)}")
        try:
            found[step] = msgspec.convert(fault, ArmedFault)
        except msgspec.ValidationError as error:
            raise _invalid(field, str(error)) from error
    return found


def _invalid(field: str, message: str) -> ApiError:
    return ApiError(
        "VALIDATION_FAILED", f"{field}: {message}", details=[ErrorDetail(field=field, message=message)]
    )


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
