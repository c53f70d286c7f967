"""The project's own source files, parsed, for the tests of its rules."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("app", "embedded_services")


@dataclass(frozen=True)
class Source:
    """`name` is the path within the checkout, as `embedded_services/common/tasks.py`."""

    name: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def module(self) -> str:
        return self.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@cache
def sources(*folders: str) -> tuple[Source, ...]:
    """Every Python file below `folders` of the checkout; both packages when none is named."""
    files = sorted(path for folder in folders or PACKAGES for path in (ROOT / folder).rglob("*.py"))
    return tuple(
        Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in files
    )


def docstrings(tree: ast.Module) -> set[int]:
    """The ids of the nodes that are docstrings, or strings that document a name: statements of their own."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
