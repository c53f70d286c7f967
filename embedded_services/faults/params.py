"""The parameters of every kind of fault, with bounds, units and defaults, as types.

Validation, the catalogue, the composer's form and OpenAPI are read off these types: `Meta` holds title, help, bounds and
(`x-unit`, `x-only-with`) unit and which choice of another parameter makes this one count.
"""

from typing import Annotated, Literal

from msgspec import Meta

from embedded_services.contracts.wire import Request

_S = {"x-unit": "s"}
_MS = {"x-unit": "ms"}


class Params(Request, frozen=True):
    """Of a kind that has none."""


class Timed(Params, frozen=True):
    """When, within its life, a fault acts: from `after_s` on for `for_s`, and again every `every_s`. `ramp_s` lets it grow
    from nothing to what was asked: the time it adds if it adds time, else its probability."""

    after_s: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            title="After",
            description="It begins so long after it was armed",
            extra_json_schema=_S,
        ),
    ] = 0.0
    for_s: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            title="For",
            description="It pauses after so long; 0: it does not",
            extra_json_schema=_S,
        ),
    ] = 0.0
    every_s: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            title="Every",
            description="It begins anew so often; 0: once only",
            extra_json_schema=_S,
        ),
    ] = 0.0
    ramp_s: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            title="Grows over",
            description="It grows to its full strength over this time",
            extra_json_schema=_S,
        ),
    ] = 0.0

    def __post_init__(self) -> None:
        if self.every_s and not 0 < self.for_s < self.every_s:
            raise ValueError("everyS needs a forS that is shorter than it")


Distribution = Literal["fixed", "uniform", "normal", "lognormal"]


class Delay(Timed, frozen=True):
    """A time that is drawn: always `ms`; evenly from `ms` ± `jitter_ms`; normally around `ms` with the deviation `jitter_ms`; or
    lognormally, half of them under `median_ms`. None is under 0 or over two minutes."""

    distribution: Annotated[Distribution, Meta(title="Shape", description="How the times are spread")] = (
        "fixed"
    )
    ms: Annotated[
        float,
        Meta(
            ge=0,
            le=60_000,
            title="Time",
            description="The time that is added, or the middle of it",
            extra_json_schema={
                "x-unit": "ms",
                "x-only-with": {"distribution": ["fixed", "uniform", "normal"]},
            },
        ),
    ] = 300.0
    jitter_ms: Annotated[
        float,
        Meta(
            ge=0,
            le=60_000,
            title="Jitter",
            description="At most so much more or less; with normal, its standard deviation",
            extra_json_schema={"x-unit": "ms", "x-only-with": {"distribution": ["uniform", "normal"]}},
        ),
    ] = 80.0
    median_ms: Annotated[
        float,
        Meta(
            ge=0.1,
            le=60_000,
            title="Median",
            description="Half of the times are shorter",
            extra_json_schema={"x-unit": "ms", "x-only-with": {"distribution": ["lognormal"]}},
        ),
    ] = 300.0
    sigma: Annotated[
        float,
        Meta(
            ge=0,
            le=3,
            title="Sigma",
            description="How long the tail is: with 0.5, one in a hundred takes over three times the median",
            extra_json_schema={"x-only-with": {"distribution": ["lognormal"]}},
        ),
    ] = 0.5


# --- processes ---


class StayDown(Params, frozen=True):
    stay_down: Annotated[
        bool,
        Meta(title="Stays down", description="No new process is started until the fault ends"),
    ] = False


class Freeze(Params, frozen=True):
    hold_lock: Annotated[
        bool,
        Meta(
            title="With its locks",
            description="Do not wait for the end of a transaction, so that it may keep its database locked",
        ),
    ] = False


class CrashLoop(Params, frozen=True):
    up_s: Annotated[
        float,
        Meta(
            ge=0,
            le=60,
            title="Lives for",
            description="How long each new process lives once it listens",
            extra_json_schema=_S,
        ),
    ] = 0.5


class CpuBurn(Params, frozen=True):
    threads: Annotated[
        int, Meta(ge=1, le=8, title="Threads", description="How many compete with its own work")
    ] = 1
    duty_percent: Annotated[
        int,
        Meta(
            ge=1,
            le=100,
            title="Duty",
            description="The share of the time in which they do",
            extra_json_schema={"x-unit": "%"},
        ),
    ] = 100


# --- calls ---


class Abort(Timed, frozen=True):
    status: Annotated[
        int, Meta(ge=400, le=599, title="Status", description="What the instance seems to answer")
    ] = 503


class DropConnection(Timed, frozen=True):
    when: Annotated[
        Literal["before-request", "after-request"],
        Meta(
            title="When",
            description="Before the instance hears of it, or once it has done it and only the answer is lost",
        ),
    ] = "after-request"


class TruncateBody(Timed, frozen=True):
    fraction: Annotated[
        float,
        Meta(ge=0, le=0.99, title="Arrives", description="The part of the body after which it breaks off"),
    ] = 0.5


class MalformedBody(Timed, frozen=True):
    what: Annotated[
        Literal["json", "http"],
        Meta(
            title="What",
            description="A body that is no JSON though all else is well, or an answer that is not even HTTP",
        ),
    ] = "json"


class Bandwidth(Timed, frozen=True):
    kb_per_s: Annotated[
        float,
        Meta(
            ge=0.1,
            le=1_000_000,
            title="Rate",
            description="How fast bodies travel, both ways",
            extra_json_schema={"x-unit": "kB/s"},
        ),
    ] = 10.0


class LyingHealth(Timed, frozen=True):
    status: Annotated[
        int, Meta(ge=500, le=599, title="Status", description="What its requests are answered with")
    ] = 500


class FalseAlarm(Timed, frozen=True):
    status: Annotated[
        int, Meta(ge=500, le=599, title="Status", description="What its health checks are answered with")
    ] = 503


# --- messages ---


class PublishFailure(Timed, frozen=True):
    how: Annotated[
        Literal["refused", "unconfirmed"],
        Meta(
            title="How",
            description="The broker refuses the message, or takes it and its confirmation is lost",
        ),
    ] = "refused"


class HandlerFailure(Timed, frozen=True):
    sticky: Annotated[
        bool,
        Meta(
            title="Poison",
            description="A message that fails once fails at every attempt, and ends as a dead letter",
        ),
    ] = True


class Duplicate(Timed, frozen=True):
    copies: Annotated[int, Meta(ge=1, le=10, title="Copies", description="How often it arrives besides")] = 1


class Reorder(Timed, frozen=True):
    window: Annotated[
        int,
        Meta(
            ge=2,
            le=100,
            title="Window",
            description="So many messages are held back and let go in another order",
            extra_json_schema={"x-unit": "messages"},
        ),
    ] = 10
    hold_ms: Annotated[
        float,
        Meta(
            ge=1,
            le=60_000,
            title="At most",
            description="None is held back for longer",
            extra_json_schema=_MS,
        ),
    ] = 1_000.0


# --- data ---


class LockedDatabase(Timed, frozen=True):
    hold_ms: Annotated[
        float,
        Meta(
            ge=1,
            le=60_000,
            title="Held for",
            description="How long the write lock is held each time",
            extra_json_schema=_MS,
        ),
    ] = 2_000.0
    pause_ms: Annotated[
        float,
        Meta(
            ge=0,
            le=60_000,
            title="Free for",
            description="How long it is free in between",
            extra_json_schema=_MS,
        ),
    ] = 500.0


# --- sagas ---


class StepFault(Params, frozen=True):
    times: Annotated[
        int,
        Meta(
            ge=0,
            le=1000,
            title="Times",
            description="It acts on so many calls; 0: on all",
        ),
    ] = 0


class FailStep(StepFault, frozen=True):
    undoing: Annotated[
        bool, Meta(title="When undoing", description="It acts on the step's compensation instead")
    ] = False


class FailCompensation(StepFault, frozen=True):
    final: Annotated[
        bool, Meta(title="For good", description="No further attempts are left: a person must decide")
    ] = False


class CrashOrchestrator(Params, frozen=True):
    before: Annotated[
        bool,
        Meta(
            title="Before the call",
            description="It dies once it is on disk that the step is to be called, instead of once its outcome is",
        ),
    ] = False
    times: Annotated[int, Meta(ge=1, le=1000, title="Times", description="How often it dies")] = 1
