"""What every file of the packages keeps to, where no linter looks."""

import ast

import pytest

from tests.helpers.sources import ROOT, Source, sources

OLD_PYTHON_READS = (
    "embedded_services/__init__.py",
    "embedded_services/__main__.py",
    "embedded_services/setup/__init__.py",
    "embedded_services/setup/ensure.py",
    "app/__init__.py",
    "app/__main__.py",
    "tests/__init__.py",
    "tests/__main__.py",
)
"""What Python 3.8 gets to read before it is told that it is too old."""

MAKES_TASKS = {"embedded_services/common/tasks.py", "app/qt/tasks.py"}
TASK_MAKERS = {"create_task", "ensure_future", "run_coroutine_threadsafe", "TaskGroup", "eager_task_factory"}
VAGUE = {"util", "utils", "helper", "helpers", "misc", "common_utils", "tools"}

ALL = [pytest.param(source, id=source.name) for source in sources()]
MODULES = [
    pytest.param(source, id=source.name) for source in sources() if not source.name.endswith("__init__.py")
]


def called_names(tree: ast.Module) -> set[str]:
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "") for func in calls}


def test_init_files_hold_no_code() -> None:
    full = [source.name for source in sources() if source.name.endswith("__init__.py") and source.tree.body]
    assert full == []


@pytest.mark.parametrize("source", MODULES)
def test_module_says_its_role(source: Source) -> None:
    assert ast.get_docstring(source.tree), "no module docstring"


def test_only_the_owner_of_tasks_makes_them() -> None:
    makers = {source.name: called_names(source.tree) & TASK_MAKERS for source in sources()}
    assert {name: found for name, found in makers.items() if found and name not in MAKES_TASKS} == {}


def test_nothing_prints() -> None:
    """stdout belongs to the ready line, and a child's output to its log."""
    assert [source.name for source in sources() if "print" in called_names(source.tree)] == []


def test_no_module_is_named_for_nothing() -> None:
    parts = {part for source in sources() for part in source.module.split(".")}
    assert parts & VAGUE == set()


@pytest.mark.parametrize(
    "source", [pytest.param(s, id=s.name) for s in sources("embedded_services/contracts")]
)
def test_messages_are_frozen(source: Source) -> None:
    loose = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef):
            bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
            frozen = any(word.arg == "frozen" and ast.unparse(word.value) == "True" for word in node.keywords)
            if bases & {"Message", "Request", "Struct"} and not frozen:
                loose.append(node.name)
    assert loose == []


@pytest.mark.parametrize("name", [name for name in OLD_PYTHON_READS if (ROOT / name).exists()])
def test_old_python_can_read_what_tells_it_so(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    tree = ast.parse(text, feature_version=(3, 8))
    annotated = any(
        isinstance(node, (ast.AnnAssign, ast.arg)) and node.annotation is not None for node in ast.walk(tree)
    )
    if annotated:
        assert "from __future__ import annotations" in text, "old Pythons evaluate annotations"


def test_who_paints_ends_it_in_any_case() -> None:
    """A painter that outlives an error in painting takes the window with it: the error's traceback would keep it."""
    loose = []
    for source in sources():
        nodes = list(ast.walk(source.tree))
        managed = {item.context_expr for node in nodes if isinstance(node, ast.With) for item in node.items}
        loose += [
            f"{source.name}:{node.lineno}"
            for node in nodes
            if isinstance(node, ast.Call)
            and getattr(node.func, "id", "") == "QPainter"
            and node not in managed
        ]
    assert loose == []
