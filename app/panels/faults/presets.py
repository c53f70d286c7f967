"""Faults that belong together under a name: the classics, which are data in `resources`, and those that the user kept. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from app.core.fault_targets import Scene
from app.core.language import tr
from app.core.settings import SavedPreset
from embedded_services.common.resources import resource
from embedded_services.contracts.faults import FaultTarget, NewFault

OWN: Final = "own."


@dataclass(frozen=True)
class Preset:
    """`why_not` says why it cannot be armed now; empty where it can. `is_own`: the user made it."""

    key: str
    title: str
    says: str
    faults: tuple[NewFault, ...]
    is_own: bool = False
    why_not: str = ""


class _Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As it stands in the file; words by language."""

    key: str
    title: dict[str, str]
    says: dict[str, str]
    faults: list[NewFault]


def classics(language: str) -> list[Preset]:
    """Raises msgspec.ValidationError for a damaged file, OSError for one that is not there."""
    found = msgspec.json.decode(resource("presets.json").read_bytes(), type=list[_Written])
    return [
        Preset(one.key, _in(one.title, language), _in(one.says, language), tuple(one.faults)) for one in found
    ]


def own(kept: Sequence[SavedPreset]) -> list[Preset]:
    return [Preset(f"{OWN}{one.title}", one.title, "", tuple(one.faults), is_own=True) for one in kept]


def judged(presets: Sequence[Preset], scene: Scene) -> list[Preset]:
    """Each with the reason why it cannot be armed now, if there is one."""
    return [replace(preset, why_not=_why_not(preset, scene)) for preset in presets]


def _why_not(preset: Preset, scene: Scene) -> str:
    for fault in preset.faults:
        if missing := _missing(fault.target, scene):
            return tr("There is no {name} in this system.", name=missing)
    return ""


def _missing(target: FaultTarget, scene: Scene) -> str:
    """What it would act on and is not there; empty if all is."""
    steps = {step.name for saga in scene.sagas for step in saga.steps}
    known: tuple[tuple[str | None, Mapping[str, object] | set[str]], ...] = (
        (target.service, scene.services),
        (target.instance, scene.instances),
        (target.process, scene.processes),
        (target.saga, {saga.name for saga in scene.sagas}),
        (target.step, steps),
    )
    return next((name for name, there in known if name is not None and name not in there), "")


def _in(words: Mapping[str, str], language: str) -> str:
    return words.get(language, words.get("en", ""))
