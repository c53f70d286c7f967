"""What each feature of the gateway costs: its CPU a request with all of them on, and how much less it is without one."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tests.benchmarks.faultdeck import SERVICE
from tests.benchmarks.figures import Figure
from tests.benchmarks.rounds import interleaved
from tests.benchmarks.scene import CONNECTIONS, Reading, Scene, read, short


@dataclass(frozen=True)
class Without:
    """The gateway with a feature less: by a patch of its settings, or by asking for a route that does without."""

    feature: str
    patch: Mapping[str, Any] = field(default_factory=dict)
    undo: Mapping[str, Any] = field(default_factory=dict)
    public: bool = False


def _policy(**enabled: bool) -> Mapping[str, Any]:
    return {"services": {SERVICE: {"policy": {name: {"enabled": on} for name, on in enabled.items()}}}}


FEATURES: Final = (
    Without("none"),
    Without("tokens", public=True),
    Without("traces", {"gateway": {"tracesPerS": 0}}, {"gateway": {"tracesPerS": None}}),
    Without("retries", _policy(retries=False), _policy(retries=True)),
    Without(
        "breakers, ejection and concurrency limits",
        _policy(breaker=False, outliers=False, concurrency=False),
        _policy(breaker=True, outliers=True, concurrency=True),
    ),
)


async def costs(scene: Scene) -> list[Figure]:
    """CPU of the gateway a request, and how much less it is without a feature."""
    control = scene.faultdeck.control
    gateway = replace(scene.ours, pid=scene.faultdeck.gateway)

    async def without(given: Without) -> Reading:
        if given.patch:
            await control.patch_settings(given.patch)
        try:
            path = f"{scene.ours.url}/api/open/prod1" if given.public else scene.ours.path()
            headers = {} if given.public else scene.ours.headers
            return await read(gateway, path, headers, CONNECTIONS, scene.pace.side_seconds)
        finally:
            if given.undo:
                await control.patch_settings(given.undo)

    readings = await interleaved(FEATURES, scene.pace.rounds, without)
    every = [reading.cpu_us for reading in readings[0]]
    return [
        Figure("CPU of the gateway, every feature on", "µs a request", every),
        *(
            Figure(
                f"  of that, {given.feature}",
                "µs a request",
                [whole - reading.cpu_us for whole, reading in zip(every, took, strict=True)],
                notes={"requests/s without": short([reading.load.rate for reading in took])},
            )
            for given, took in zip(FEATURES[1:], readings[1:], strict=True)
        ),
    ]
