import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.panels.limits.rule_form import FieldName, RuleDraft, changes, draft_of
from embedded_services.contracts.limits import Algorithm, LimitSettings

rules = st.builds(
    LimitSettings,
    algorithm=st.sampled_from(Algorithm),
    limit=st.integers(1, 10**9),
    window_s=st.integers(1, 86_400),
    key=st.sampled_from(["ip", "user", "header:X-API-Key", "header:a"]),
)


@given(rules)
def test_what_is_in_force_is_written_and_read_as_the_same(rule: LimitSettings) -> None:
    assert draft_of(rule).parse() == rule


def test_figures_may_be_grouped_as_they_are_shown() -> None:
    assert RuleDraft("token-bucket", " 1,000 000 ", "60", "user").parse() == LimitSettings(
        algorithm=Algorithm.TOKEN_BUCKET, limit=1_000_000, key="user"
    )


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "1e3", "ten", "1000000001", "٣", "9" * 400])
def test_a_limit_out_of_bounds_is_told_its_bounds(text: str) -> None:
    wrong: dict[FieldName, str] = {"limit": "A whole number from 1 to 1,000,000,000."}
    assert RuleDraft("fixed-window", text, "60", "ip").parse() == wrong


@pytest.mark.parametrize("text", ["", "0", "86401", "1 min"])
def test_a_window_out_of_bounds_is_told_its_bounds(text: str) -> None:
    wrong: dict[FieldName, str] = {"window": "A whole number from 1 to 86,400."}
    assert RuleDraft("fixed-window", "1", text, "ip").parse() == wrong


@pytest.mark.parametrize("name", ["", "X API", "X-Ключ", "x:y", "x" * 65])
def test_a_header_must_be_one_and_counts_only_when_it_is_gone_by(name: str) -> None:
    found = RuleDraft("fixed-window", "1", "1", "header", name).parse()
    assert isinstance(found, dict)
    assert set(found) == {"header"}
    assert isinstance(RuleDraft("fixed-window", "1", "1", "user", name).parse(), LimitSettings)


def test_every_mistake_is_told_at_once() -> None:
    found = RuleDraft("fixed-window", "x", "x", "header", "").parse()
    assert isinstance(found, dict)
    assert list(found) == ["limit", "window", "header"]


@given(rules, rules)
def test_a_patch_holds_what_differs_and_nothing_else(before: LimitSettings, after: LimitSettings) -> None:
    patch = changes(before, after)
    assert ("windowS" in patch) == (before.window_s != after.window_s)
    assert bool(patch) == (before != after)
