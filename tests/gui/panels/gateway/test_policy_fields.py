"""The form's fields are those of the settings' types, with their bounds."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.panels.gateway.policy_fields import (
    SWITCH,
    FieldSpec,
    Path,
    Value,
    explained,
    groups,
    parsed,
    patch_of,
    values_of,
    written,
)
from app.panels.gateway.policy_words import field_words, group_words
from embedded_services.contracts.settings import CallPolicy, Settings
from tests.gui.panels.gateway.shop import settings

FIELDS = {field.path: field for group in groups() for field in group.fields}


def test_every_field_and_group_has_its_word() -> None:
    assert {group.name for group in groups()} == set(group_words())
    assert {field[1] for field in FIELDS} <= set(field_words())


def test_bounds_units_and_defaults_come_from_the_types() -> None:
    percent = FIELDS["breaker", "failure_percent"]
    assert (percent.kind, percent.low, percent.high, percent.unit, percent.default) == (
        "integer",
        1,
        100,
        "%",
        50,
    )
    after = FIELDS["hedging", "after_s"]
    assert explained(after) == "0.01 – 3,600 s; by default 0.1 s"
    assert FIELDS["retries", "statuses"].most == 20
    assert [group.switch for group in groups()] == [None, True, False, True, True, True]


@pytest.mark.parametrize(
    ("path", "text", "wanted"),
    [
        (("", "tries"), "0", "A whole number from 1 to 10"),
        (("", "tries"), "2.5", "A whole number from 1 to 10"),
        (("", "timeout_s"), "nan", "A number from 0.01 to 3,600 s"),
        (("", "timeout_s"), "", "A number from 0.01 to 3,600 s"),
        (("breaker", "failure_percent"), "101", "A whole number from 1 to 100 %"),
        (("retries", "statuses"), "502, 404", "Numbers from 500 to 599, with commas."),
        (("retries", "statuses"), " ".join(["500"] * 21), "At most 20 numbers."),
    ],
)
def test_what_cannot_be_says_what_can(path: tuple[str, str], text: str, wanted: str) -> None:
    with pytest.raises(ValueError, match="^" + wanted.replace(".", r"\.").replace("(", r"\(") + "$"):
        parsed(FIELDS[path], text)


def test_decimal_comma_is_understood() -> None:
    assert parsed(FIELDS["", "timeout_s"], " 2,5 ") == 2.5


@given(st.data())
def test_what_is_written_reads_back(data: st.DataObject) -> None:
    spec: FieldSpec = data.draw(st.sampled_from(list(FIELDS.values())))
    if spec.kind == "list":
        value: object = tuple(
            data.draw(st.lists(st.integers(int(spec.low), int(spec.high)), unique=True, max_size=20))
        )
    elif spec.kind == "integer":
        value = data.draw(st.integers(int(spec.low), int(spec.high)))
    else:
        value = round(data.draw(st.floats(spec.low, spec.high)), 4)
    assert parsed(spec, written(value)) == value  # type: ignore[arg-type]  # one of the kinds above


def test_patch_holds_what_changed_and_is_valid() -> None:
    changes: dict[Path, Value] = {
        ("", "tries"): 5,
        ("breaker", SWITCH): False,
        ("retries", "statuses"): (503,),
    }
    patch = patch_of("order", changes)
    assert patch == {
        "services": {"order": {"policy": {"tries": 5, "breaker": {"enabled": False}, "retries": {"statuses": [503]}}}}
    }  # fmt: skip
    whole = msgspec.to_builtins(settings())
    whole["services"]["order"]["policy"]["retries"] |= patch["services"]["order"]["policy"]["retries"]
    assert msgspec.convert(whole, Settings).services["order"].policy.retries.statuses == (503,)


def test_values_are_of_the_policy() -> None:
    values = values_of(CallPolicy(tries=7))
    assert values["", "tries"] == 7
    assert values["hedging", SWITCH] is False
    assert set(FIELDS) <= set(values)
