import pytest
from pamqp import commands

from embedded_services.broker import handshake, tables
from embedded_services.broker.handshake import Login, Terms
from embedded_services.broker.refusals import ConnectionRefusal

Connection = commands.Connection
LOGIN = Login("guest", "pässword")


def start_ok(mechanism: str, response: str) -> Connection.StartOk:
    return Connection.StartOk({}, mechanism, response)


def amqplain(user: str, password: str) -> str:
    return tables.encode({"LOGIN": user, "PASSWORD": password})[4:].decode()


@pytest.mark.parametrize(
    ("mechanism", "response"), [("PLAIN", "\0guest\0pässword"), ("AMQPLAIN", amqplain("guest", "pässword"))]
)
def test_who_knows_the_password_comes_in(mechanism: str, response: str) -> None:
    assert handshake.admit(start_ok(mechanism, response), LOGIN) == "guest"


@pytest.mark.parametrize(
    ("mechanism", "response"),
    [
        ("PLAIN", "\0guest\0wrong"),
        ("PLAIN", "\0other\0pässword"),
        ("PLAIN", "guest"),
        ("PLAIN", ""),
        ("PLAIN", "a\0b\0c\0d"),
        ("AMQPLAIN", amqplain("guest", "wrong")),
        ("AMQPLAIN", "no table at all"),
        ("AMQPLAIN", ""),
        ("AMQPLAIN", tables.encode({"LOGIN": 5, "PASSWORD": True})[4:].decode()),
    ],
)
def test_who_does_not_is_refused(mechanism: str, response: str) -> None:
    with pytest.raises(ConnectionRefusal) as refused:
        handshake.admit(start_ok(mechanism, response), LOGIN)
    assert refused.value.code == 403


def test_a_mechanism_that_was_not_offered_is_refused() -> None:
    with pytest.raises(ConnectionRefusal, match="unsupported mechanism EXTERNAL"):
        handshake.admit(start_ok("EXTERNAL", ""), LOGIN)


def test_a_wish_of_nothing_is_the_offer() -> None:
    assert handshake.agree(Connection.TuneOk(0, 0, 0)) == Terms(2047, 131_072, 0)
    assert handshake.agree(Connection.TuneOk(5, 4096, 7)) == Terms(5, 4096, 7)


def test_capabilities_that_are_none_are_none() -> None:
    assert handshake.capabilities(start_ok("PLAIN", "")) == {}
    odd = Connection.StartOk({"capabilities": "all of them"}, "PLAIN", "")
    assert handshake.capabilities(odd) == {}
