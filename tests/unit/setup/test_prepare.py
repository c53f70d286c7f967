import pytest

from embedded_services.setup.prepare import explain, last_line

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
