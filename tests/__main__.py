"""`python3 -m tests [--no-checks] [pytest arguments]`: sets up, checks format, lint, types and imports, runs the tests.

All of the checks are made and their failures shown before the tests run, and the tests run in any case: one go tells
everything. Tests marked slow are left out unless `-m` or a test's own name asks for them. The status is 0 only if
all was well; the last line is pytest's closing line, or when a check failed `N passed, N failed` with the checks in.
"""

from __future__ import annotations

import concurrent.futures
import subprocess
import sys
import time

NO_CHECKS = "--no-checks"
LINT_IMPORTS = (
    "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
)
CHECKS = (
    ("format", ["-m", "ruff", "format", "--check", "."]),
    ("lint", ["-m", "ruff", "check", "."]),
    ("types", ["-m", "mypy"]),
    ("imports", ["-c", LINT_IMPORTS]),
)


def failed_checks() -> list[str]:
    """Make all checks, say of each in one line how it went (and what it said, if badly); the names of the failed."""
    failed = []
    with concurrent.futures.ThreadPoolExecutor(len(CHECKS)) as pool:  # one of them takes most of the time
        for (name, _), (passed, took, output) in zip(CHECKS, pool.map(check, CHECKS), strict=True):
            print(f"{name:<8} {'ok' if passed else 'FAILED':<7} {took:5.1f} s", flush=True)
            if not passed:
                failed.append(name)
                print(output.strip(), flush=True)
    return failed


def check(named: tuple[str, list[str]]) -> tuple[bool, float, str]:
    """Whether it passed, the seconds it took, and what it said."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, *named[1]],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    return done.returncode == 0, time.monotonic() - began, done.stdout


class Tally:
    """Counts as pytest's closing line does."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    def pytest_runtest_logreport(self, report) -> None:  # type: ignore[no-untyped-def]  # pytest comes with set-up
        if report.failed:
            self.failed += 1
        elif report.passed and report.when == "call":
            self.passed += 1

    def pytest_collectreport(self, report) -> None:  # type: ignore[no-untyped-def]  # as above
        if report.failed:
            self.failed += 1


IN_PARALLEL = ("-n", "2", "--dist", "loadfile")
"""Two processes: most tests wait for others most of the time. A file's tests stay together, and so share its fixtures."""
ALONE = ("-n", "-s", "--pdb", "--capture")


def pytest_arguments(given: list[str]) -> list[str]:
    """As given, without what is ours; without the slow tests and in parallel, unless something else is asked for."""
    from embedded_services.setup.system_packages import OPTION

    own = [argument for argument in given if argument not in (NO_CHECKS, OPTION)]
    named = any("::" in argument for argument in own)
    slow = [] if named or any(argument.startswith("-m") for argument in own) else ["-m", "not slow"]
    alone = named or any(argument.startswith(ALONE) for argument in own)
    return [*slow, *([] if alone else IN_PARALLEL), *own]


def main() -> int:
    given = sys.argv[1:]
    from embedded_services.setup.ensure import ensure

    ensure("tests", "tests", given)
    failed = [] if NO_CHECKS in given else failed_checks()

    import pytest

    tally = Tally()
    status = int(pytest.main(pytest_arguments(given), plugins=[tally]))
    if failed:
        print(f"checks that failed, see above: {', '.join(failed)}")
        print(f"{tally.passed} passed, {tally.failed + len(failed)} failed", flush=True)
    return status or (1 if failed else 0)


if __name__ == "__main__":
    sys.exit(main())
