"""The first thing that every command does: see that it runs in `.venv` with what it needs, or make it so.

Reached by any Python on any machine, so this file is written for old ones (3.8), and on every start but the first it
does nothing that takes time: it compares one small file and becomes the environment's Python if it is another.
"""

from __future__ import annotations

import os
import sys

from embedded_services.setup import signals

OLDEST = (3, 11)


def ensure(profile: str, module: str, argv: list[str], held: bool = False) -> None:
    """Return once this process is the environment's Python with all that `profile` needs.

    To get there it may install, and start over as `python -m module *argv` in this same process. Ends the process
    with status 1 and one line on stderr when it cannot. An installed Faultdeck (no checkout) is left as it is.

    Signals that ask to stop wait meanwhile, an installation apart; `held` leaves it to the caller to let them through.
    """
    signals.hold()
    _become_ready(profile, module, argv)
    if not held:
        signals.let_through()


def _become_ready(profile: str, module: str, argv: list[str]) -> None:
    if is_too_old(sys.version_info):
        sys.stderr.write(
            f"faultdeck: this is Python {sys.version_info[0]}.{sys.version_info[1]} ({sys.executable}), "
            "and 3.11 or newer is needed; start it with a newer one\n"
        )
        raise SystemExit(1)

    from embedded_services.setup import stamp
    from embedded_services.setup.checkout import Checkout

    checkout = Checkout(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    if not checkout.exists():
        return
    inside = sys.prefix == checkout.environment
    if not stamp.is_current(checkout, profile, sys.implementation.cache_tag if inside else None) or (
        not inside
        and sys.executable == checkout.python  # its pyvenv.cfg is gone: it would start over for ever
    ):
        from embedded_services.setup.prepare import prepare

        signals.let_through()
        prepare(checkout, profile, argv)
        signals.hold()
        inside = False  # start over: this process may have looked for what was not there yet
    if not inside:
        from embedded_services.setup.become import become

        become([checkout.python, *interpreter_options(sys.orig_argv), "-m", module, *argv])
    from embedded_services.setup import system_packages

    system_packages.provide(profile, argv)


def is_too_old(version: tuple) -> bool:  # type: ignore[type-arg]  # sys.version_info, whatever the Python
    return tuple(version[:2]) < OLDEST


def interpreter_options(original: list[str]) -> list[str]:
    """What stands between `python` and `-m`: kept, so that `python3 -X dev -m …` means what it says."""
    for at, argument in enumerate(original):
        if argument.startswith("-m"):
            return original[1:at]
    return []
