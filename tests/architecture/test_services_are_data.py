"""The four services are a workspace's default content: what runs, routes, watches and shows services names none."""

import ast
import re

import pytest

from tests.helpers.sources import Source, docstrings, sources

KNOWS_NONE = ("control", "gateway", "registry", "upstream", "client", "agent", "limits")
NAMES = "|".join(("user", "order", "payment", "notification"))
AS_SERVICE = re.compile(rf"(^|[/.])({NAMES})s?(-\d+|[/.]|-service|_service)|/({NAMES})s?$", re.IGNORECASE)
IDENTIFIER = re.compile(r"(^|_)(payment|notification)s?(_|$)", re.IGNORECASE)


def names_in(source: Source) -> list[str]:
    tree = source.tree
    skip = docstrings(tree)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skip:
            bare = node.value in {"payment", "notification", "payments", "notifications", "users", "orders"}
            if bare or AS_SERVICE.search(node.value):
                found.append(f"line {node.lineno}: {node.value!r}")
        elif isinstance(node, (ast.Name, ast.Attribute, ast.arg, ast.FunctionDef, ast.ClassDef)):
            name = next(
                str(getattr(node, key)) for key in ("id", "attr", "arg", "name") if hasattr(node, key)
            )
            if IDENTIFIER.search(name):
                found.append(f"line {node.lineno}: {name}")
        elif isinstance(node, ast.ImportFrom) and AS_SERVICE.search(f"{node.module}."):
            found.append(f"line {node.lineno}: from {node.module}")
    return found


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(source, id=source.name)
        for source in sources(*(f"embedded_services/{package}" for package in KNOWS_NONE))
        if source.text
    ],
)
def test_no_service_is_named(source: Source) -> None:
    assert names_in(source) == []


@pytest.mark.parametrize(
    "line",
    [
        'x = "payment"',
        'x = "/users"',
        'x = "/api/orders/{id}"',
        'x = "order-1"',
        "payment_url = 1",
        "from embedded_services.services.order.process import serve",
    ],
)
def test_check_sees_a_service(line: str) -> None:
    assert names_in(Source("example.py", line))


@pytest.mark.parametrize(
    "line", ['x = "user"', "order = 1", '"""Calls order-1."""', 'x = "X-User-ID"', "border = 1"]
)
def test_check_leaves_other_words_alone(line: str) -> None:
    assert names_in(Source("example.py", line)) == []
