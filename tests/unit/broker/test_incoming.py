from collections.abc import Callable

import pytest
from pamqp import commands

from embedded_services.broker.content_header import PLAIN
from embedded_services.broker.frames import ContentHead
from embedded_services.broker.incoming import MAX_MESSAGE, Incoming
from embedded_services.broker.refusals import ConnectionRefusal, Refusal

PUBLISH = commands.Basic.Publish(exchange="", routing_key="q")


def head(size: int) -> ContentHead:
    return ContentHead(size, PLAIN, b"\x00\x00")


def begun(size: int) -> Incoming:
    incoming = Incoming()
    incoming.begin(PUBLISH)
    assert incoming.take_head(head(size)) is None
    return incoming


def test_a_message_is_whole_with_the_last_of_its_body() -> None:
    incoming = begun(5)
    assert incoming.take_piece(b"ab") is None
    assert incoming.is_open
    whole = incoming.take_piece(b"cde")
    assert whole is not None
    assert (whole.method, whole.body, incoming.is_open) == (PUBLISH, b"abcde", False)


def test_a_message_without_a_body_is_whole_with_its_header() -> None:
    incoming = Incoming()
    incoming.begin(PUBLISH)
    whole = incoming.take_head(head(0))
    assert whole is not None
    assert (whole.body, incoming.is_open) == (b"", False)


def test_the_next_one_has_nothing_of_the_last() -> None:
    incoming = begun(4)
    incoming.take_piece(b"ab")
    incoming.drop()
    incoming.begin(PUBLISH)
    incoming.take_head(head(2))
    whole = incoming.take_piece(b"xy")
    assert whole is not None
    assert whole.body == b"xy"


def test_what_is_not_due_is_refused() -> None:
    wrongs: list[Callable[[], object]] = [
        lambda: Incoming().take_head(head(1)),
        lambda: Incoming().take_piece(b"x"),
        lambda: begun(1).take_head(head(1)),
        lambda: begun(1).take_piece(b"xy"),
    ]
    for wrong in wrongs:
        with pytest.raises(ConnectionRefusal):
            wrong()


def test_a_message_that_is_too_large_is_refused_before_it_comes() -> None:
    incoming = Incoming()
    incoming.begin(PUBLISH)
    with pytest.raises(Refusal) as refused:
        incoming.take_head(head(MAX_MESSAGE + 1))
    assert (refused.value.code, refused.value.closes_connection, incoming.is_open) == (406, False, False)
