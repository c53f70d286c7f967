"""The set-up step for real, in a small checkout: environments are made, and pip installs (from a folder)."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.helpers.toy_checkout import Said, ToyCheckout, said


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[ToyCheckout, Said]:
    checkout = ToyCheckout(tmp_path_factory.mktemp("first"))
    return checkout, checkout.run("--flag", "two words")


@pytest.fixture
def checkout(first: tuple[ToyCheckout, Said]) -> ToyCheckout:
    """One that is set up for `one`, whatever the test before did."""
    toy = first[0]
    toy.needs("one")
    return toy


def test_first_start_makes_the_environment_and_goes_on_in_it(first: tuple[ToyCheckout, Said]) -> None:
    toy, start = first
    assert start.status == 0, start.err
    assert start.facts["prefix"] == str(toy.environment)
    assert start.facts["argv"] == ["--flag", "two words"]
    assert start.facts["folder"] == str(toy.root)
    assert start.facts["marked"] == "yes"


def test_first_start_says_in_one_line_on_stderr_what_it_does(first: tuple[ToyCheckout, Said]) -> None:
    toy, start = first
    assert start.err.count("\n") == 1
    assert start.err.startswith(f"faultdeck: first start: making {toy.environment} and installing")


def test_second_start_is_silent_and_loads_nothing_that_takes_time(checkout: ToyCheckout) -> None:
    start = checkout.run()
    assert start.err == ""
    assert start.facts["heavy"] == []


def test_interpreter_s_options_and_process_are_kept(checkout: ToyCheckout) -> None:
    process = checkout.start(options=("-X", "dev"))
    start = said(process)
    assert start.facts["dev"] is True
    assert start.facts["pid"] == process.pid


def test_pyproject_that_asks_for_the_same_installs_nothing(checkout: ToyCheckout) -> None:
    checkout.run()
    path = checkout.root / "pyproject.toml"
    path.write_text(path.read_text() + "[tool.other]\nx = 1\n")
    assert checkout.run().err == ""
    assert checkout.run().facts["heavy"] == []


def test_new_requirement_is_installed_once(checkout: ToyCheckout) -> None:
    checkout.needs("one", "two")
    assert checkout.run().err.count("\n") == 1
    assert (checkout.environment / "faultdeck-run.stamp").read_text().count("two") == 2
    assert checkout.run().err == ""


def test_what_pip_refuses_is_one_clear_line_and_breaks_nothing(checkout: ToyCheckout) -> None:
    checkout.run()
    checkout.needs("one", "three")
    start = checkout.run()
    assert start.status == 1
    assert start.out == ""
    assert "Traceback" not in start.err
    assert start.err.splitlines()[-1].startswith(
        "faultdeck: pip could not install: No matching distribution found for three; check the network"
    )
    checkout.needs("one")
    assert checkout.run().status == 0


def test_second_start_waits_for_the_first(checkout: ToyCheckout) -> None:
    checkout.needs("one", "two")
    (checkout.environment / "faultdeck-run.stamp").unlink()
    starts = [said(process) for process in [checkout.start(), checkout.start()]]
    assert [start.status for start in starts] == [0, 0]
    installed = [start for start in starts if "installing it" in start.err]
    assert len(installed) == 1


def test_profile_that_needs_less_is_set_up_along(checkout: ToyCheckout) -> None:
    checkout.run()
    assert (checkout.environment / "faultdeck-tests.stamp").exists()


@pytest.mark.parametrize("damage", ["[[[", "[project]\nname = 1\n"])
def test_damaged_checkout_is_one_clear_line(checkout: ToyCheckout, damage: str) -> None:
    (checkout.root / "pyproject.toml").write_text(damage)
    start = checkout.run()
    assert (start.status, start.out, start.err.count("\n")) == (1, "", 1)
    assert str(checkout.root / "pyproject.toml") in start.err


def test_set_up_killed_in_the_middle_is_made_good_by_the_next_start(tmp_path: Path) -> None:
    toy = ToyCheckout(tmp_path)
    process = toy.start()
    python = toy.environment / "bin" / "python"
    while not python.exists():
        time.sleep(0.01)  # noqa: TID251 - another process's file gives no event to await
    process.send_signal(signal.SIGKILL)
    assert said(process).status == -signal.SIGKILL
    start = toy.run()
    assert start.status == 0, start.err
    assert f"{toy.environment} cannot be used as it is; making it again" in start.err
    assert toy.run().err == ""


def test_place_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    toy = ToyCheckout(tmp_path)
    toy.environment.write_text("in the way")
    start = toy.run()
    assert (start.status, start.err.count("\n")) == (1, 1)
    assert start.err.startswith(f"faultdeck: cannot set up {toy.environment}: ")


def test_installed_package_is_left_as_it_is(tmp_path: Path) -> None:
    toy = ToyCheckout(tmp_path)
    (toy.root / "pyproject.toml").unlink()
    (toy.root / "one.py").touch()
    start = toy.run()
    assert (start.status, start.err) == (0, "")
    assert not toy.environment.exists()


@pytest.mark.slow
@pytest.mark.parametrize("harm", ["moved", "no pyvenv.cfg", "no python", "no pip"])
def test_unusable_environment_is_made_again(tmp_path: Path, harm: str) -> None:
    toy = ToyCheckout(tmp_path / "a")
    assert toy.run().status == 0
    match harm:
        case "moved":
            shutil.move(tmp_path / "a", tmp_path / "b")
            toy.root, toy.environment = tmp_path / "b", tmp_path / "b" / ".venv"
        case "no pyvenv.cfg":
            (toy.environment / "pyvenv.cfg").unlink()
        case "no python":
            (toy.environment / "bin" / "python").unlink()
            os.symlink("/nowhere/python", toy.environment / "bin" / "python")
        case _:
            shutil.rmtree(next((toy.environment / "lib").glob("python*/site-packages/pip")))
            (toy.environment / "faultdeck-run.stamp").unlink()
    start = toy.run()
    assert start.status == 0, start.err
    assert "making it again" in start.err or "first start" in start.err
    assert start.facts["prefix"] == str(toy.environment)
    assert toy.run().err == ""
