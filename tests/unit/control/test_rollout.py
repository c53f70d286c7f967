from collections.abc import Callable
from typing import Any, cast

import pytest

from embedded_services.contracts.agent import Done
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.settings import Strategy
from embedded_services.control.agents import Agents
from embedded_services.control.rollout import Rollout
from embedded_services.control.settings_store import SettingsStore
from tests.helpers.child import demo_settings


class Links:
    """The gateway's link: what it answers, or what asking it raises."""

    def __init__(self, answer: Done | Exception) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str, Any]] = []

    async def command(self, child: str, name: str, timeout_s: float, argument: Any = None) -> Done:
        self.asked.append((child, name, argument))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def rollout(answer: Done | Exception) -> tuple[Rollout, SettingsStore, Links]:
    links, store = Links(answer), SettingsStore(demo_settings(), lambda _, __: None, frozenset(Strategy))
    return Rollout(store, cast("Agents", links)), store, links


async def test_the_gateway_is_asked_for_each_change_and_for_nothing_else() -> None:
    change, store, links = rollout(Done(command=1, ok=True))
    assert (await change.patch({"name": "two"}, if_match=1)).revision == 2
    assert (await change.patch({"name": "two"})).revision == 2
    with pytest.raises(ApiError):
        await change.patch({"name": "three"}, if_match=1)
    assert links.asked == [("gateway", "settings-in-force", 2)]
    assert store.current.name == "two"


async def test_what_the_gateway_refuses_is_undone_and_told(expect_log: Callable[[str], None]) -> None:
    expect_log("could not put settings 2 in force")
    change, store, _ = rollout(Done(command=1, ok=False, message="no such strategy"))
    with pytest.raises(ApiError, match="no such strategy") as error:
        await change.patch({"name": "two"})
    assert error.value.code == "INTERNAL_ERROR"
    assert (store.current, store.state.revision) == (demo_settings(), 3)


async def test_a_gateway_that_is_away_is_not_waited_for() -> None:
    change, store, _ = rollout(KeyError("gateway"))
    assert (await change.patch({"name": "two"})).revision == 2
    assert store.current.name == "two"


async def test_a_gateway_that_does_not_answer_is_reported(expect_log: Callable[[str], None]) -> None:
    expect_log("has not said")
    change, store, _ = rollout(TimeoutError())
    assert (await change.patch({"name": "two"})).revision == 2
    assert store.current.name == "two"
