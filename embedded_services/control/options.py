"""The command line of `python3 -m embedded_services`. Read before anything heavy is loaded."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import platformdirs

from embedded_services.common.version import __version__

MAX_DIGITS = 9
"""Longer numbers are too large for anything here, and Python refuses to read the longest."""


@dataclass(frozen=True)
class Options:
    workspace: Path
    gateway_port: int | None
    replicas: int | None
    broker_url: str | None
    ready_file: Path | None
    nice: int


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"faultdeck: {message}; --help lists what there is\n")


def default_path() -> Path:
    """The workspace of whoever names none."""
    return Path(platformdirs.user_data_dir("faultdeck", appauthor=False)) / "demo-shop"


def parse(argv: list[str]) -> Options:
    """Ends the program with exit code 2 and one line on what is wrong, or 0 for --help and --version."""
    parser = _Parser(
        prog="faultdeck-headless",
        description="Runs a whole microservice system on this machine, without a window, until Ctrl-C.",
        epilog="When all is healthy, one line of JSON on standard output says where everything is. Exit codes: "
        "0 stopped as asked, 1 the start failed, 2 the command line is wrong.",
    )
    parser.add_argument("--version", action="version", version=f"faultdeck {__version__}")
    parser.add_argument(
        "--workspace", type=_path, metavar="DIR", default=default_path(), help="default: %(default)s"
    )
    parser.add_argument("--gateway-port", type=_port, metavar="N", help="default: 3000, or the next free one")
    parser.add_argument(
        "--replicas", type=_replicas, metavar="N", help="instances of each service, in this run"
    )
    parser.add_argument(
        "--broker-url",
        type=_amqp,
        metavar="URL",
        help="an AMQP broker to use in this run, amqp://…; default: that of the settings, or the embedded one",
    )
    parser.add_argument(
        "--ready-file", type=_path, metavar="F", help="write the ready line there too (mode 0600)"
    )
    parser.add_argument(
        "--nice", type=_nice, default=0, metavar="N", help="lower the children's priority, by up to 19"
    )
    parser.add_argument("--install-system", action="store_true", help="install missing system packages first")
    given = parser.parse_args(argv)
    return Options(
        workspace=given.workspace,
        gateway_port=given.gateway_port,
        replicas=given.replicas,
        broker_url=given.broker_url,
        ready_file=given.ready_file,
        nice=given.nice,
    )


def _path(text: str) -> Path:
    if not text:  # an unset variable in a script, which would mean the current folder
        raise argparse.ArgumentTypeError("the path is empty")
    return Path(text)


def _number(text: str, low: int, high: int) -> int:
    if not text.isdecimal() or len(text) > MAX_DIGITS or not low <= int(text) <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
    return int(text)


def _port(text: str) -> int:
    return _number(text, 1, 65535)


def _replicas(text: str) -> int:
    return _number(text, 1, 64)


def _nice(text: str) -> int:
    return _number(text, 0, 19)


def _amqp(text: str) -> str:
    from embedded_services.contracts.secret_fields import broker_url_problem

    if broker_url_problem(text) is not None:  # what was given may hold a password, and is not repeated
        raise argparse.ArgumentTypeError("is not an AMQP address such as amqp://guest:guest@127.0.0.1:5672/")
    return text
