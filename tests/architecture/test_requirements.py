"""What is asked for in pyproject.toml and what is pinned in constraints.txt are the same things, and all of them are used."""

import ast
import re
import sys
import tomllib
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.helpers.sources import ROOT, sources

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OTHER_HALF = {"aiormq": "aio-pika", "shiboken6": "PySide6-Essentials"}
"""What comes with another package, and is of no use without it."""


def asked() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    return [
        Requirement(text) for text in [*PROJECT["dependencies"], *(one for extra in extras for one in extra)]
    ]


def pinned() -> set[str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {canonicalize_name(re.split("[=;]", line)[0]) for line in lines if not line.startswith("#")}


def needed() -> set[str]:
    """All that is asked for and what that needs on any platform, as far as what is installed here tells."""
    seen: set[tuple[str, frozenset[str]]] = set()
    todo = asked()
    while todo:
        requirement = todo.pop()
        extras = frozenset(requirement.extras)
        step = (canonicalize_name(requirement.name), extras)
        if step in seen:
            continue
        seen.add(step)
        try:
            requires = [Requirement(text) for text in metadata.requires(requirement.name) or []]
        except metadata.PackageNotFoundError:
            continue  # of another platform
        todo += [one for one in requires if any(_applies(one, extra) for extra in extras | {""})]
    return {name for name, _ in seen}


def _applies(requirement: Requirement, extra: str) -> bool:
    """Somewhere, with a Python that runs us."""
    marker = requirement.marker
    return marker is None or any(
        marker.evaluate({"python_version": python, "sys_platform": platform, "extra": extra})
        for python in ("3.11", "3.14")
        for platform in ("linux", "darwin", "win32")
    )


def test_all_that_is_needed_is_pinned() -> None:
    assert sorted(needed() - pinned()) == []


def test_nothing_is_pinned_that_nothing_needs() -> None:
    assert sorted(pinned() - needed()) == []


def test_all_that_is_imported_is_asked_for() -> None:
    owners = metadata.packages_distributions()
    own = {"app", "embedded_services", "tests"}
    wanted = {canonicalize_name(one.name) for one in asked()}
    strangers = set()
    for source in sources():
        for top in _imported(source.tree) - own - sys.stdlib_module_names:
            owner = {canonicalize_name(one) for one in owners.get(top, [])}
            if not (owner | {canonicalize_name(OTHER_HALF.get(top, top))}) & wanted:
                strangers.add(f"{source.name}: {top}")
    assert sorted(strangers) == []


def _imported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name.split(".")[0] for name in names}
