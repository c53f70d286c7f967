"""Actions: possible only where they make sense, one cure for what is wrong, and said beforehand."""

import pytest

from app.panels.services.instance_actions import KEYS, cure, possible, says, words
from app.panels.services.readings import Readings
from app.panels.services.services_rows import Asked, InstanceRow, Sources, tree_rows
from embedded_services.contracts.instances import Instance, Status
from tests.gui.panels.services.shop import NOW, crash_looping, frozen, instance, service


def row_of(one: Instance, *others: Instance, doing: str | None = None) -> InstanceRow:
    known = {row.id: row for row in (one, *others)}
    asked = Asked(actions={one.id: doing} if doing else {})
    [(_, rows)] = tree_rows(Sources({"user": service("user")}, known, {}, NOW), asked, Readings())
    return next(row for row in rows if row.id == one.id)


@pytest.mark.parametrize(
    ("one", "able", "cured_by"),
    [
        (instance("user-1"), {"kill", "terminate", "freeze", "restart", "drain"}, None),
        (frozen("user-1"), {"kill", "thaw", "restart"}, "thaw"),
        (crash_looping("user-1"), {"restart"}, "restart"),
        (
            instance("user-1", status=Status.STARTING, in_rotation=False),
            {"kill", "terminate", "restart"},
            None,
        ),
        (
            instance("user-1", status=Status.DRAINING, in_rotation=False),
            {"kill", "terminate", "restart"},
            None,
        ),
        (
            instance("user-1", status=Status.LOST, in_rotation=False),
            {"kill", "terminate", "restart"},
            "restart",
        ),
        (instance("user-1", external=True, pid=None), {"remove"}, None),
        (instance("user-1", external=True, pid=None, status=Status.LOST), {"remove"}, "remove"),
    ],
)
def test_each_status_has_its_actions_and_its_cure(
    one: Instance, able: set[str], cured_by: str | None
) -> None:
    assert possible(row_of(one)) == able
    assert cure(row_of(one)) == cured_by


def test_nothing_is_possible_while_something_is_under_way() -> None:
    assert possible(row_of(instance("user-1"), doing="kill")) == frozenset()


def test_killing_says_what_clients_will_see_by_the_present_state() -> None:
    both = row_of(instance("user-1"), instance("user-2"))
    alone = row_of(instance("user-1"), frozen("user-2"))
    out = row_of(frozen("user-1"), instance("user-2"))
    assert "others take its requests" in says("kill", both)
    assert "last one in rotation: clients see 503" in says("kill", alone)
    assert "clients see nothing" in says("kill", out)
    assert "last one in rotation" in says("freeze", alone)


def test_every_action_has_its_words() -> None:
    assert list(words()) == list(KEYS)
    row = row_of(instance("user-1"))
    assert all(says(key, row) and said.word and said.doing.endswith("…") for key, said in words().items())
