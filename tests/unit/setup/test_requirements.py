import json
from pathlib import Path

import pytest

from embedded_services.setup.checkout import Checkout
from embedded_services.setup.report import SetupError
from embedded_services.setup.requirements import EXTRAS_OF, covered_by, read
from tests.helpers.sources import ROOT


def write(root: Path, dependencies: list[str], tests: list[str]) -> Checkout:
    extras = f'[project.optional-dependencies]\nwindow = ["w"]\ntests = {json.dumps(tests)}\n'
    (root / "pyproject.toml").write_text(f"[project]\ndependencies = {json.dumps(dependencies)}\n{extras}")
    (root / "constraints.txt").write_text("a==1\n")
    return Checkout(str(root))


def test_profile_needs_what_the_system_needs_and_its_extras(tmp_path: Path) -> None:
    checkout = write(tmp_path, ["a", "b; sys_platform != 'win32'"], ["c"])
    assert read(checkout, "run").packages == ("a", "b; sys_platform != 'win32'")
    assert read(checkout, "tests").packages == ("a", "b; sys_platform != 'win32'", "w", "c")
    assert read(checkout, "run").text() == "a\nb; sys_platform != 'win32'\n\na==1\n"


def test_larger_profile_covers_the_smaller(tmp_path: Path) -> None:
    checkout = write(tmp_path, ["a"], ["c"])
    assert covered_by(checkout, "run") == ["run"]
    assert set(covered_by(checkout, "tests")) == set(EXTRAS_OF)


@pytest.mark.parametrize("text", ["[", "", "[project]", "[project]\ndependencies = 3", "project = 1"])
def test_damaged_pyproject_is_named(tmp_path: Path, text: str) -> None:
    checkout = write(tmp_path, ["a"], [])
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(SetupError, match=r"pyproject\.toml cannot be read"):
        read(checkout, "tests")


def test_missing_constraints_are_named(tmp_path: Path) -> None:
    checkout = write(tmp_path, ["a"], [])
    (tmp_path / "constraints.txt").unlink()
    with pytest.raises(SetupError, match=r"constraints\.txt: No such file"):
        read(checkout, "run")


@pytest.mark.parametrize("profile", EXTRAS_OF)
def test_this_checkout_can_be_set_up(profile: str) -> None:
    assert "aiohttp" in read(Checkout(str(ROOT)), profile).packages


def test_constraints_name_exact_versions_and_no_index() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert lines[0].startswith("# ")
    pins = [line.partition("==") for line in lines[1:]]
    assert all(name and version and not set(version) & set("*<>, @/") for name, _, version in pins)
    assert [name.lower() for name, _, _ in pins] == sorted(name.lower() for name, _, _ in pins)
