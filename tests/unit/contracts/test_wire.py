import importlib
import inspect
import pkgutil

import msgspec
import pytest

import embedded_services.contracts
from embedded_services.contracts.wire import Message, Page, Request

MESSAGES = [
    kind
    for module in pkgutil.iter_modules(embedded_services.contracts.__path__)
    for _, kind in inspect.getmembers(
        importlib.import_module(f"embedded_services.contracts.{module.name}"), inspect.isclass
    )
    if issubclass(kind, (Message, Request)) and kind.__module__.endswith(f".{module.name}")
]


class Said(Message, frozen=True):
    in_flight: int = 0


class Asked(Request, frozen=True):
    in_flight: int = 0


def test_names_are_camel_case_on_the_wire() -> None:
    assert msgspec.json.encode(Said(in_flight=3)) == b'{"inFlight":3}'
    assert msgspec.json.decode(b'{"inFlight":3}', type=Asked) == Asked(in_flight=3)


def test_newer_message_is_understood_by_an_older_reader() -> None:
    assert msgspec.json.decode(b'{"inFlight":1,"later":true}', type=Said) == Said(in_flight=1)


def test_misspelt_wish_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `inflight`"):
        msgspec.json.decode(b'{"inflight":1}', type=Asked)


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_every_message_is_frozen_and_camel_case(kind: type[msgspec.Struct]) -> None:
    config = kind.__struct_config__
    assert config.frozen
    assert not any("_" in name for name in kind.__struct_encode_fields__)
    assert config.forbid_unknown_fields == issubclass(kind, Request)


def test_last_page_says_that_it_is_the_last() -> None:
    assert msgspec.json.encode(Page(items=[1])) == b'{"items":[1],"nextCursor":null}'
