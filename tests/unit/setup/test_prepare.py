from pathlib import Path

import pytest

from embedded_services.setup.checkout import Checkout
from embedded_services.setup.prepare import explain, last_line, prepare

RETRY = (
    "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError('…')': /simple/one/\n"
)


@pytest.mark.parametrize(
    ("output", "said", "advice"),
    [
        (
            "ERROR: No matching distribution found for one\n",
            "No matching distribution found for one",
            "pip's settings",
        ),
        (RETRY + "ERROR: No matching distribution found for one\n", "no connection", "check the network"),
        ("ERROR: [Errno 28] No space left on device\n", "[Errno 28] No space left", "free some space"),
        (
            "x\n  error: subprocess-exited-with-error\nERROR: Failed to build one\n",
            "Failed to build one",
            "Python 3.11",
        ),
        ("", "it said nothing", "start again"),
    ],
)
def test_pip_s_failure_becomes_one_line_with_advice(output: str, said: str, advice: str) -> None:
    line = explain(output)
    assert said in line
    assert advice in line
    assert "\n" not in line


def test_last_error_counts_more_than_what_follows_it() -> None:
    assert last_line("ERROR: first\nERROR: second\n\n[notice] a new pip\n") == "second"
    assert last_line("one\ntwo\n\n") == "two"


def test_environment_that_a_link_leads_to_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other, root = tmp_path / "other", tmp_path / "checkout"
    (other / "bin").mkdir(parents=True)
    (other / "bin" / "python").write_text("somebody else's")
    root.mkdir()
    (root / ".venv").symlink_to(other)
    (root / "pyproject.toml").write_text(
        "[project]\ndependencies = []\n[project.optional-dependencies]\nwindow = []\ntests = []\n"
    )
    (root / "constraints.txt").write_text("")
    with pytest.raises(SystemExit) as ended:
        prepare(Checkout(str(root)), "run", [])
    assert ended.value.code == 1
    assert "is a link" in capsys.readouterr().err
    assert (other / "bin" / "python").read_text() == "somebody else's"
