"""With an `apt-get` and a `sudo` of the test's own: nothing is installed."""

import os
from pathlib import Path

import pytest

from embedded_services.setup import system_packages
from embedded_services.setup.report import SetupError
from embedded_services.setup.system_packages import install, provide

APT = """#!/bin/sh
echo "$0 $*" "$DEBIAN_FRONTEND" "$RUNLEVEL" >> "{calls}"
case "$*" in *update*) touch "{fresh}"; exit 0;; esac
test -e "{fresh}" && exit 0
echo "Reading package lists..."; echo "E: Unable to locate package $5"; exit 100
"""


class Debian:
    """A folder with the commands of a Debian-like system, where packages are found after an update only."""

    def __init__(self, folder: Path) -> None:
        self._calls = folder / "calls"
        self.fresh = folder / "fresh"
        self.commands = folder / "bin"
        self.commands.mkdir()
        self.command("apt-get", APT.format(calls=self._calls, fresh=self.fresh))
        self.command("sudo", f'#!/bin/sh\necho "sudo" >> "{self._calls}"\nexec "$@"\n')

    def command(self, name: str, text: str = "#!/bin/sh\n") -> None:
        (self.commands / name).write_text(text)
        (self.commands / name).chmod(0o755)

    def calls(self) -> list[str]:
        """The verbs that were asked for, in order."""
        lines = self._calls.read_text().splitlines() if self._calls.exists() else []
        return [
            next(word for word in line.split() if word in ("sudo", "install", "update")) for line in lines
        ]


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Debian:
    found = Debian(tmp_path)
    monkeypatch.setenv("PATH", f"{found.commands}:/bin:/usr/bin")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(system_packages, "_LISTS", str(tmp_path))
    (tmp_path / "main_Packages").touch()
    return found


def test_root_installs_and_says_so_in_one_line(debian: Debian, capsys: pytest.CaptureFixture[str]) -> None:
    debian.fresh.touch()
    install(["wrk", "other"], "measuring needs them", [])
    assert debian.calls() == ["install"]
    assert capsys.readouterr().err == "faultdeck: installing wrk other with apt-get; measuring needs them\n"


def test_lists_are_fetched_when_a_package_is_not_found(debian: Debian) -> None:
    install(["wrk"], "why", [])
    assert debian.calls() == ["install", "update", "install"]


def test_lists_are_fetched_first_when_there_are_none(debian: Debian, tmp_path: Path) -> None:
    (tmp_path / "main_Packages").unlink()
    install(["wrk"], "why", [])
    assert debian.calls() == ["update", "install"]


def test_a_service_that_comes_along_is_not_started_with_the_system(debian: Debian, tmp_path: Path) -> None:
    debian.fresh.touch()
    debian.command("systemctl", f'#!/bin/sh\necho "$*" > "{tmp_path}/told"\n')
    install(["wrk"], "why", [])
    assert not (tmp_path / "told").exists()
    install(["wrk", "prometheus"], "why", [])
    assert (tmp_path / "told").read_text() == "disable prometheus.service\n"


def test_what_apt_says_last_is_the_error(debian: Debian) -> None:
    debian.command("apt-get", "#!/bin/sh\necho doing\necho 'E: no such thing'\nexit 100\n")
    with pytest.raises(SetupError, match="apt-get could not install wrk: E: no such thing"):
        install(["wrk"], "why", [])


def test_others_are_told_the_line_to_run(debian: Debian, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SetupError, match=r"run: sudo apt-get install -y wrk two$"):
        install(["wrk", "two"], "why", ["--other"])
    assert debian.calls() == []


def test_others_can_ask_for_it(debian: Debian, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    debian.fresh.touch()
    install(["wrk"], "why", ["--install-system"])
    assert debian.calls() == ["sudo", "install"]


def test_other_system_is_told_the_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match=r"missing from this system: wrk \(Debian's names\)"):
        install(["wrk"], "why", [])


def test_what_is_there_is_not_installed(debian: Debian, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = {
        "tests": (
            ("present", "brings-present"),
            ("absent", "brings-absent"),
            ("libnone.so.9", "brings-library"),
        )
    }
    monkeypatch.setattr(system_packages, "NEEDED", needed)
    debian.command("present")
    debian.fresh.touch()
    assert system_packages.missing("tests") == ["brings-absent", "brings-library"]


def test_profile_that_lacks_something_goes_on_and_says_how_to_get_it(
    debian: Debian, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(system_packages, "NEEDED", {"tests": (("absent", "brings-absent"),)})
    provide("tests", [])
    assert capsys.readouterr().err.endswith("run: sudo apt-get install -y brings-absent\n")


def test_the_system_itself_needs_none() -> None:
    assert system_packages.missing("run") == []
