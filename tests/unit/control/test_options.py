import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.common.version import __version__
from embedded_services.control.options import Options, default_path, parse


def complaint(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        parse(argv)
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert err.startswith("faultdeck: ")
    return err


def test_defaults() -> None:
    assert parse([]) == Options(
        workspace=default_path(), gateway_port=None, replicas=None, broker_url=None, ready_file=None, nice=0
    )


def test_every_option_is_read() -> None:
    line = (
        "--workspace /w --gateway-port 8080 --replicas 3 --broker-url amqps://u:p@h:5671/v --ready-file /f "
        "--nice 5 --install-system"
    )
    given_options = parse(line.split())
    assert given_options == Options(
        workspace=Path("/w"), gateway_port=8080, replicas=3, broker_url="amqps://u:p@h:5671/v",
        ready_file=Path("/f"), nice=5,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--gateway-port", "0", "'0' is not a whole number from 1 to 65535"),
        ("--gateway-port", "65536", "from 1 to 65535"),
        ("--gateway-port", "3000.0", "from 1 to 65535"),
        ("--gateway-port", "", "from 1 to 65535"),
        ("--gateway-port", "\uff19" * 5000, "from 1 to 65535"),
        ("--replicas", "0", "from 1 to 64"),
        ("--replicas", "65", "from 1 to 64"),
        ("--replicas", "two", "from 1 to 64"),
        ("--nice", "20", "from 0 to 19"),
        ("--nice", "1e1", "from 0 to 19"),
        ("--workspace", "", "the path is empty"),
        ("--ready-file", "", "the path is empty"),
        ("--broker-url", "http://127.0.0.1", "is not an AMQP address"),
        ("--broker-url", "amqp://", "is not an AMQP address"),
        ("--broker-url", "amqp:///vhost", "is not an AMQP address"),
        ("--broker-url", "amqp://host:0", "is not an AMQP address"),
        ("--broker-url", "amqp://host:99999", "is not an AMQP address"),
        ("--broker-url", "amqp://host:port", "is not an AMQP address"),
        ("--broker-url", "amqp://[::1", "is not an AMQP address"),
    ],
)
def test_bad_value_is_one_line_and_exit_code_2(
    option: str, value: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    line = complaint([option, value], capsys)
    assert option in line
    assert said in line


@pytest.mark.parametrize(
    "argv", [["--nonsense"], ["word"], ["--replicas"], ["--workspace"], ["--gateway-port", "-1"]]
)
def test_bad_command_line_is_one_line_and_exit_code_2(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    complaint(argv, capsys)


@given(st.lists(st.text(max_size=10), max_size=4))
def test_no_command_line_is_a_traceback(argv: list[str]) -> None:
    with contextlib.suppress(SystemExit):
        parse(argv)


def test_version_and_help_go_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    for argv, said in ((["--version"], f"faultdeck {__version__}\n"), (["--help"], "--gateway-port")):
        with pytest.raises(SystemExit) as ended:
            parse(argv)
        assert ended.value.code == 0
        out, err = capsys.readouterr()
        assert said in out
        assert err == ""
