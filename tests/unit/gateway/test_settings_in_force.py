import asyncio
from collections.abc import Callable

import msgspec
import pytest

from embedded_services.common.tasks import Tasks
from embedded_services.contracts.agent import Policies
from embedded_services.contracts.settings import Settings
from embedded_services.gateway.settings_in_force import RefusedError, SettingsInForce
from tests.helpers.child import demo_settings


class Parts:
    """Two parts of a gateway, of which the second cannot be called "bad"."""

    def __init__(self) -> None:
        self.first = self.second = ""
        self.refusals: list[str] = []

    def apply(self, settings: Settings, revision: int) -> None:
        self.first = f"{settings.name} {revision}"
        if settings.name == "bad":
            raise ValueError("bad is no name")
        self.second = f"{settings.name} {revision}"


def named(name: str) -> Settings:
    return msgspec.structs.replace(demo_settings(), name=name)


async def test_settings_are_in_force_in_all_parts_or_in_none(expect_log: Callable[[str], None]) -> None:
    expect_log("settings 3 cannot be put in force; 2 stay")
    parts = Parts()
    in_force = SettingsInForce(named("one"), 1, parts.apply, parts.refusals.append)
    in_force.take(Policies(revision=2, settings=named("two")))
    assert (parts.first, parts.second, in_force.revision) == ("two 2", "two 2", 2)
    in_force.take(Policies(revision=3, settings=named("bad")))
    assert (parts.first, parts.second, in_force.revision) == ("two 2", "two 2", 2)
    assert parts.refusals == ["settings 3: bad is no name; those of revision 2 stay in force"]
    assert await in_force.answer(2) == 2
    with pytest.raises(RefusedError, match="bad is no name"):
        await in_force.answer(3)
    in_force.take(Policies(revision=4, settings=named("two")))
    assert await in_force.answer(4) == 4


async def test_who_asks_before_the_settings_came_is_answered_when_they_do() -> None:
    parts = Parts()
    in_force = SettingsInForce(named("one"), 1, parts.apply, parts.refusals.append)
    async with Tasks("test") as tasks:
        asked = tasks.start(in_force.answer(3), "ask")
        await asyncio.sleep(0)
        in_force.take(Policies(revision=2, settings=named("two")))
        await asyncio.sleep(0)
        assert not asked.done()
        in_force.take(Policies(revision=3, settings=named("three")))
        assert await asked == 3
