"""The stamp of a profile: a small file in `.venv` that says what was installed there, for which Python, and where.

Line 1: size and time of change of pyproject.toml and constraints.txt, as git does it: while they stand, nothing needs
to be read. Line 2: the Python and the place. The rest: the requirements and constraints that are installed, so that a
pyproject.toml that changed elsewhere costs one look and no installation.
"""

import os
import sys

from embedded_services.setup.checkout import Checkout
from embedded_services.setup.report import SetupError


def is_current(checkout: Checkout, profile: str, python: str | None) -> bool:
    """Whether `profile` is installed as it is asked for now.

    `python` is the cache tag (`cpython-311`) of the environment's Python, None where only that Python can tell.
    """
    try:
        with open(checkout.stamp(profile), encoding="utf-8") as file:
            files, place, installed = file.read().split("\n", 2)
    except (OSError, ValueError):
        return False
    made_for, _, where = place.partition(" ")
    if where != _where(checkout) or python not in (None, made_for) or not os.path.exists(checkout.python):
        return False
    if files == _files(checkout):
        return True
    from embedded_services.setup.requirements import read

    try:
        if installed != read(checkout, profile).text():
            return False
        write(checkout, profile, compose(checkout, profile, made_for))
    except SetupError:
        return False  # preparing meets the same error, and reports it
    except OSError:
        pass  # a checkout that is read-only by now: it is current all the same, and costs this look each time
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
