"""Where no window can be shown, one line says so and what to do: Qt itself would end the process without it."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.core import display

ROOT = Path(__file__).resolve().parents[4]


def said(**environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "app"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **environment},
        timeout=30,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a display")
class TestLinux:
    def test_no_display_is_one_line(self) -> None:
        code, text = said()
        assert code == 1
        assert text.startswith("faultdeck: there is no display to open a window on")
        assert text.count("\n") == 1

    def test_a_display_that_does_not_answer_is_one_line(self) -> None:
        code, text = said(DISPLAY=":4711")
        assert code == 1
        assert "the display :4711 does not answer" in text
        assert text.count("\n") == 1

    def test_a_missing_library_is_named_with_what_brings_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(display, "missing_line", lambda profile: f"missing: for the {profile}")
        assert display.what_is_missing() == "missing: for the window"

    def test_what_needs_no_screen_needs_no_display(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("DISPLAY", raising=False)
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
        assert display.what_is_missing() == ""


def test_version_is_said_without_a_display() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app", "--version"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout.startswith("faultdeck ")) == (0, True)
