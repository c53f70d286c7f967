"""What an installed Faultdeck needs is in its wheel: the packages, and the files that the code asks `resource` for."""

import ast
import tomllib
from collections.abc import Iterator

from tests.helpers.sources import ROOT, sources

WHEEL = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"][
    "targets"
]["wheel"]
INSTALLED = "embedded_services/_resources"


def asked() -> Iterator[tuple[str, str]]:
    """The path below `resources/` of each call of `resource`, as far as it stands in the source; and where that is."""
    for source in sources():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "resource":
                parts: list[str] = []
                for part in node.args:
                    if not isinstance(part, ast.Constant):
                        break
                    parts.append(str(part.value))
                yield "/".join(parts), f"{source.name}:{node.lineno}"


def test_both_packages_are_in_it() -> None:
    assert WHEEL["packages"] == ["app", "embedded_services"]


def test_every_file_that_is_asked_for_is_there_and_in_it() -> None:
    included = {path for path, place in WHEEL["force-include"].items() if place.startswith(INSTALLED)}
    places = {f"resources/{path}": where for path, where in asked()}
    assert places
    assert [f"{where}: {path}" for path, where in places.items() if not (ROOT / path).exists()] == []
    left_out = [path for path in places if not any(f"{path}/".startswith(f"{one}/") for one in included)]
    assert left_out == []


def test_nothing_else_than_python_lies_in_the_packages() -> None:
    """Data belongs into `resources/`, where it is found in a checkout and when installed alike."""
    strangers = [
        path.relative_to(ROOT).as_posix()
        for package in WHEEL["packages"]
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    ]
    assert strangers == []
