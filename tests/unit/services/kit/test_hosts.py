"""Which Host a service answers to."""

import pytest

from embedded_services.services.kit.hosts import is_loopback


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:3001",
        "127.255.0.9:1",
        "localhost",
        "LocalHost:65535",
        "[::1]",
        "[::1]:3001",
        "[0000:0000:0000:0000:0000:0000:0000:0001]:65535",
    ],
)
def test_loopback_names_and_addresses_are_answered(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        ":3001",
        "rebound.example",
        "rebound.example:3001",
        "localhost.rebound.example",
        "127.0.0.1.rebound.example",
        "rebound.example@127.0.0.1",
        "128.0.0.1",
        "0.0.0.0",
        "10.0.0.1:3001",
        "2130706433",
        "127.1",
        "127.0.0.01",
        "[::2]:3001",
        "::1",
        "[127.0.0.1]",
        "[localhost]",
        "127.0.0.1:",
        "127.0.0.1:x",
        "127.0.0.1:3001:3002",
        "127.0.0.1 ",
        "127.0.0.1\n",
        "localhost, rebound.example",
        "[" + "0" * 1000 + "::1]",
    ],
)
def test_everything_else_is_not(host: str) -> None:
    assert not is_loopback(host)
