"""The template language does what templates need, and nothing that could hang or reach out."""

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedded_services.services.notification.language import (
    STEPS,
    Compiled,
    Language,
    MissingVariableError,
    TemplateFaultError,
)

LANGUAGE = Language()


def render(source: str, limit: int = 10_000, **data: Any) -> str:
    return LANGUAGE.compile(source).render(data, limit)


@pytest.mark.parametrize(
    ("source", "data", "text"),
    [
        ("Hello {{ name }}", {"name": "<b>Ann</b>"}, "Hello <b>Ann</b>"),
        ("{{ order.items[0].id }}", {"order": {"items": [{"id": "x"}]}}, "x"),
        (
            "{% for i in items %}{{ loop.index }}{{ i }}{% if not loop.last %}, {% endif %}{% endfor %}",
            {"items": ["a", "b"]},
            "1a, 2b",
        ),
        ("{% for i in items %}{{ i }}{% else %}none{% endfor %}", {"items": []}, "none"),
        ("{% if a and not b %}yes{% elif b %}b{% else %}no{% endif %}", {"a": 1, "b": 0}, "yes"),
        ("{{ 'big' if n > 10 else 'small' }}", {"n": 11}, "big"),
        ("{{ a ~ '-' ~ b }}", {"a": 1, "b": 2}, "1-2"),
        ("{{ total|money }} {{ at|date }}", {"total": 29.9, "at": 0}, "29.90 1970-01-01 00:00 UTC"),
        ("{{ xs|join(' / ') }} {{ xs|length }}", {"xs": ["a", 2]}, "a / 2 2"),
        ("{{ n|number(1) }}{{ t|trim|upper|lower|capitalize }}", {"n": 2.25, "t": " aB "}, "2.2Ab"),
        ("{{ t|truncate(4) }}{{ t|truncate }}", {"t": "abcdef"}, "abc…abcdef"),
        ("{{ gone|default('-') }}{{ a.gone|default('?') }}", {"a": {}}, "-?"),
        ("{% if gone is defined %}x{% endif %}", {}, ""),
    ],
)
def test_what_templates_need_works(source: str, data: dict[str, Any], text: str) -> None:
    assert render(source, **data) == text


@pytest.mark.parametrize(
    ("source", "data", "name"),
    [
        ("{{ name }}", {}, "name"),
        ("{{ order.id }}", {"order": {}}, "order.id"),
        ("{{ order.id }}", {}, "order"),
        ("{% for i in items %}{% endfor %}", {}, "items"),
        ("{% if name == 'a' %}{% endif %}", {}, "name"),
        ("{{ name|upper }}", {}, "name"),
        ("{{ text.upper }}", {"text": "a"}, "text.upper"),
        ("{{ text.__class__ }}", {"text": "a"}, "text.__class__"),
        ("{{ order['__class__'] }}", {"order": {}}, "__class__"),
    ],
)
def test_a_missing_variable_is_named(source: str, data: dict[str, Any], name: str) -> None:
    with pytest.raises(MissingVariableError) as caught:
        render(source, **data)
    assert caught.value.name == name


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(10**9) %}x{% endfor %}",
        "{{ 'a' * 10**9 }}",
        "{{ 10**10**10 }}",
        "{{ x + x }}",
        "{{ x.upper() }}",
        "{{ ''.join(x) }}",
        "{% set x = 1 %}",
        "{% set x %}{% endset %}",
        "{% macro f() %}{{ f() }}{% endmacro %}",
        "{% include 'x' %}",
        "{% extends 'x' %}",
        "{% import 'x' as y %}",
        "{% block a %}{% endblock %}",
        "{% filter upper %}{% endfilter %}",
        "{% call x() %}{% endcall %}",
        "{% with a = 1 %}{% endwith %}",
        "{% for k, v in x %}{% endfor %}",
        "{% for i in x recursive %}{% endfor %}",
        "{{ x|center(1000000000) }}",
        "{{ x|tojson(indent=1000000000) }}",
        "{{ x|_bounded }}",
        "{{ _budget }}",
        "{{ x[y] }}",
        "{{ x[1:2] }}",
        "{{ [x] }}",
        "{{ x % y }}",
        "{{ x if y }}",
        "{{ 1e999 }}",
        "{{ " + "9" * 5000 + " }}",
        "{{ " + "(" * 2000 + "1" + ")" * 2000 + " }}",
        "{% for x in x %}" * 25 + "{% endfor %}" * 25,
        "{% if x %}" * 500 + "{% endif %}" * 500,
        "{{ x",
        "{% if %}",
        "{% nothing %}",
        "{{ x is callable }}",
    ],
)
def test_everything_else_is_refused_when_it_is_compiled(source: str) -> None:
    with pytest.raises(TemplateFaultError):
        LANGUAGE.compile(source)


def test_all_loops_together_are_bounded() -> None:
    nested = "{% for a in xs %}{% for b in xs %}{% for c in xs %}{% endfor %}{% endfor %}{% endfor %}"
    with pytest.raises(TemplateFaultError, match=f"more than {STEPS} passes"):
        render(nested, xs=list(range(200)))


def test_the_output_is_bounded() -> None:
    with pytest.raises(TemplateFaultError, match="longer than 100 characters"):
        render("{% for x in xs %}{{ text }}{% endfor %}", limit=100, xs=[1] * 50, text="a" * 50)


def test_a_joined_text_cannot_be_joined_again() -> None:
    with pytest.raises(TemplateFaultError, match="join needs a list"):
        render("{{ xs|join(t)|join(t)|join(t) }}", xs=["a"] * 200, t="b" * 2000)


@pytest.mark.parametrize(
    ("source", "data"),
    [
        ("{% for x in d %}{% endfor %}", {"d": {"a": 1}}),
        ("{% for x in d %}{% endfor %}", {"d": "text"}),
        ("{{ t|money }}", {"t": "ten"}),
        ("{{ t|date }}", {"t": 1e300}),
        ("{{ t < 3 }}", {"t": "a"}),
        ("{{ t|truncate(t) }}", {"t": "a"}),
    ],
)
def test_data_that_do_not_fit_are_said_so(source: str, data: dict[str, Any]) -> None:
    with pytest.raises(TemplateFaultError):
        render(source, **data)


def test_variables_are_listed_without_those_of_loops() -> None:
    compiled = LANGUAGE.compile(
        "{% for i in items %}{{ i.name }}{{ order.id }}{% endfor %}{{ gone|default(1) }}"
    )
    assert compiled.variables == ["gone", "items", "order"]


PIECES = st.sampled_from(
    [
        "{{ x }}", "{{ x.y }}", "{{ x|length }}", "{% for i in x %}", "{% endfor %}", "{% if x %}", "{% endif %}",
        "{% else %}", "{{ i ~ i }}", "{{", "}}", "{%", "%}", "|", "default(", ")", "'", '"', "x", " ", "1e999", "[0]",
        "{#", "#}", "\x00", "é", "{{ loop.index }}", "{{ x is odd }}", "{{ -x }}", "{% raw %}", "not", "in",
    ]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join), VALUES)
def test_no_template_and_no_data_end_in_another_error(source: str, value: Any) -> None:
    with contextlib.suppress(TemplateFaultError):
        compiled: Compiled = LANGUAGE.compile(source)
        assert len(compiled.render({"x": value}, 1000)) <= 1000
