import os
from pathlib import Path

import pytest

from embedded_services.setup import stamp
from embedded_services.setup.checkout import Checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """As set up for the profile run."""
    found = Checkout(str(tmp_path))
    (tmp_path / "pyproject.toml").write_text(
        "[project]\ndependencies = ['a']\noptional-dependencies.tests = []\noptional-dependencies.window = []\n"
    )
    (tmp_path / "constraints.txt").write_text("a==1\n")
    Path(found.python).parent.mkdir(parents=True)
    Path(found.python).touch()
    stamp.write(found, "run", stamp.compose(found, "run", "cpython-311"))
    return found


def test_profile_that_was_installed_is_current(checkout: Checkout) -> None:
    assert stamp.is_current(checkout, "run", "cpython-311")
    assert stamp.is_current(checkout, "run", None)


def test_other_profile_is_not(checkout: Checkout) -> None:
    assert not stamp.is_current(checkout, "tests", None)


def test_other_python_is_not(checkout: Checkout) -> None:
    assert not stamp.is_current(checkout, "run", "cpython-312")


def test_environment_that_lost_its_python_is_not(checkout: Checkout) -> None:
    Path(checkout.python).unlink()
    assert not stamp.is_current(checkout, "run", None)


@pytest.mark.parametrize("file", ["pyproject.toml", "constraints.txt"])
def test_changed_wish_is_not(checkout: Checkout, file: str) -> None:
    path = Path(checkout.root, file)
    path.write_text(path.read_text().replace("['a']", "['a', 'b']").replace("a==1", "a==2"))
    assert not stamp.is_current(checkout, "run", None)


def test_file_that_was_touched_is_read_once(checkout: Checkout) -> None:
    os.utime(checkout.pyproject, (1, 1))
    before = Path(checkout.stamp("run")).read_text()
    assert stamp.is_current(checkout, "run", None)
    after = Path(checkout.stamp("run")).read_text()
    assert after != before
    assert after.split("\n", 1)[1] == before.split("\n", 1)[1]


@pytest.mark.parametrize("damage", ["", "one line", "\x00\n\n"])
def test_damaged_stamp_is_none(checkout: Checkout, damage: str) -> None:
    Path(checkout.stamp("run")).write_text(damage)
    assert not stamp.is_current(checkout, "run", None)


def test_damaged_checkout_is_left_to_preparation_to_report(checkout: Checkout) -> None:
    Path(checkout.constraints).unlink()
    assert not stamp.is_current(checkout, "run", None)


def test_environment_knows_when_it_was_moved(checkout: Checkout) -> None:
    assert not stamp.is_elsewhere(checkout, "run")
    other = Checkout(f"{checkout.root}-moved")
    os.rename(checkout.root, other.root)
    assert stamp.is_elsewhere(other, "run")
    assert not stamp.is_current(other, "run", None)


def test_nothing_is_left_beside_the_stamp(checkout: Checkout) -> None:
    assert [name for name in os.listdir(checkout.environment) if "stamp" in name] == ["faultdeck-run.stamp"]
