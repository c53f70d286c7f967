"""The stamp of a profile: a small file in `.venv` that says what was installed there, for which Python, and where.

Line 1: size and time of change of pyproject.toml and constraints.txt, as git does it: while they stand, nothing needs
to be read. Line 2: the Python and the place. The rest: the requirements and constraints that are installed, so that a
pyproject.toml that changed elsewhere costs one look and no installation.
"""

import contextlib
import os
import sys

from embedded_services.setup.checkout import Checkout
from embedded_services.setup.report import SetupError


def is_current(checkout: Checkout, profile: str, python: str | None) -> bool:
    """Whether `profile` is installed as it is asked for now.

    `python` is the cache tag (`cpython-311`) of the environment's Python, None where only that Python can tell.
    """
    found = _read(checkout, profile)
    if found is None or not os.path.exists(checkout.python):
        return False
    files, made_for, where, installed = found
    if where != _where(checkout) or python not in (None, made_for):
        return False
    try:
        return files == _files(checkout) or _is_renewed(checkout, profile, made_for, installed)
    except SetupError:
        return False  # preparing meets the same error, and reports it


def is_elsewhere(checkout: Checkout, profile: str) -> bool:
    """Whether the environment was made in another place and moved or copied here: its scripts name the old one."""
    found = _read(checkout, profile)
    return found is not None and found[2] != _where(checkout)


def _is_renewed(checkout: Checkout, profile: str, made_for: str, installed: str) -> bool:
    """Whether the files changed but not what they ask for; then the stamp is written anew."""
    from embedded_services.setup.requirements import read

    if installed != read(checkout, profile).text():
        return False
    with contextlib.suppress(
        OSError
    ):  # read-only by now: current all the same, at the cost of this look each time
        write(checkout, profile, compose(checkout, profile, made_for))
    return True


def compose(checkout: Checkout, profile: str, python: str) -> str:
    """The text of the stamp for what is asked for now. Taken before the installation, written after it."""
    from embedded_services.setup.requirements import read

    return f"{_files(checkout)}\n{python} {_where(checkout)}\n{read(checkout, profile).text()}"


def write(checkout: Checkout, profile: str, text: str) -> None:
    """In one step, or not at all. Raises OSError."""
    temporary = f"{checkout.stamp(profile)}.{os.getpid()}"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, checkout.stamp(profile))


def _read(checkout: Checkout, profile: str) -> tuple[str, str, str, str] | None:
    """Files, Python, place and what is installed; None when there is no stamp that can be read."""
    try:
        with open(checkout.stamp(profile), encoding="utf-8") as file:
            files, place, installed = file.read().split("\n", 2)
    except (OSError, ValueError):
        return None
    python, _, where = place.partition(" ")
    return files, python, where, installed


def _where(checkout: Checkout) -> str:
    machine = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "")
    return f"{sys.platform} {machine} {checkout.environment}"


def _files(checkout: Checkout) -> str:
    marks = []
    for path in (checkout.pyproject, checkout.constraints):
        try:
            status = os.stat(path)
        except OSError as error:
            raise SetupError(f"the checkout is not whole: {path}: {error.strerror}") from error
        marks.append(f"{status.st_size} {status.st_mtime_ns}")
    return " ".join(marks)
