"""What a caller is told when a message breaks its type."""

import copy
import enum
import sys
from decimal import Decimal
from typing import Annotated, ClassVar

import msgspec
import pytest
from msgspec import Meta

from embedded_services.contracts.errors import ApiError, ErrorDetail
from embedded_services.contracts.limits import LimitSettings
from embedded_services.contracts.settings import GatewaySettings, Settings
from embedded_services.contracts.validation import convert_builtins, convert_query, decode_json
from embedded_services.contracts.wire import Request


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Line(Request, frozen=True):
    product_id: Annotated[str, Meta(min_length=1, max_length=5)]
    quantity: Annotated[int, Meta(ge=1, le=1000, extra_json_schema={"x-unit": "pieces"})]
    price: Decimal | None = None


class Basket(Request, frozen=True):
    lines: Annotated[list[Line], Meta(min_length=1, max_length=2)]
    colour: Colour | None = None
    code: Annotated[str, Meta(pattern="^a+$")] = "a"
    extra: dict[Annotated[str, Meta(max_length=4)], Annotated[str, Meta(max_length=3)]] = {}
    weight: Annotated[float, Meta(gt=0)] = 1.0


class Filter(Request, frozen=True):
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    unread: bool | None = None


DECODER = msgspec.json.Decoder(Basket)
LINE = '{"productId":"a","quantity":1}'


def refused(body: str) -> ErrorDetail:
    with pytest.raises(ApiError) as caught:
        decode_json(DECODER, body.encode())
    assert caught.value.code == "VALIDATION_FAILED"
    assert caught.value.details is not None
    (detail,) = caught.value.details
    return detail


@pytest.mark.parametrize(
    ("body", "field", "message", "bound", "unit"),
    [
        ("[]", "body", "must be an object, not a list", None, None),
        ("{}", "lines", "is required", None, None),
        ('{"lines":[]}', "lines", "must have at least 1 item", 1, "items"),
        (f'{{"lines":[{LINE},{LINE},{LINE}]}}', "lines", "must have at most 2 items", 2, "items"),
        ('{"lines":[{"quantity":1}]}', "lines[0].productId", "is required", None, None),
        (
            f'{{"lines":[{LINE},{{"productId":"a","quantity":0}}]}}',
            "lines[1].quantity",
            "must be at least 1",
            1,
            "pieces",
        ),
        (
            '{"lines":[{"productId":"abcdef","quantity":1}]}',
            "lines[0].productId",
            "must have at most 5 characters",
            5,
            "characters",
        ),
        (
            '{"lines":[{"productId":"a","quantity":"1"}]}',
            "lines[0].quantity",
            "must be a whole number, not a text",
            None,
            None,
        ),
        (
            '{"lines":[{"productId":"a","quantity":1,"price":true}]}',
            "lines[0].price",
            "must be a number or null, not true or false",
            None,
            None,
        ),
        (f'{{"lines":[{LINE}],"lins":1}}', "lins", "is not a known field", None, None),
        (f'{{"lines":[{LINE}],"colour":"green"}}', "colour", "must be one of red, blue", None, None),
        (f'{{"lines":[{LINE}],"weight":0}}', "weight", "must be more than 0", 0, None),
        (
            f'{{"lines":[{LINE}],"extra":{{"a":"b","b.c":"long","d":"x"}}}}',
            "extra.b.c",
            "must have at most 3 characters",
            3,
            "characters",
        ),
    ],
)
def test_a_broken_rule_names_field_bound_and_unit(
    body: str, field: str, message: str, bound: float | None, unit: str | None
) -> None:
    assert refused(body) == ErrorDetail(field=field, message=message, bound=bound, unit=unit)


def test_a_key_that_breaks_a_rule_names_the_field_that_has_it() -> None:
    detail = refused(f'{{"lines":[{LINE}],"extra":{{"toolong":"x"}}}}')
    assert (detail.field, detail.bound) == ("extra", 4)


def test_a_form_that_is_not_kept_shows_the_pattern() -> None:
    detail = refused(f'{{"lines":[{LINE}],"code":"b"}}')
    assert (detail.field, detail.bound) == ("code", "^a+$")


def test_a_form_that_has_words_is_told_in_words() -> None:
    with pytest.raises(ApiError, match="key must be ip, user or header:<name>") as caught:
        convert_builtins({"key": "cookie"}, LimitSettings)
    assert caught.value.details is not None
    assert caught.value.details[0].bound == r"^(ip|user|header:[A-Za-z0-9-]{1,64})(?!\n)$"


def test_an_entry_at_fault_is_named_among_good_ones_inside_others() -> None:
    good, bad = {"kind": "order"}, {"kind": "order", "weights": {"a": 1, "order-3": 0, "z": 9}}
    settings = {"name": "x", "routes": [], "services": {"user": good, "order": bad, "zoo": good}}
    before = copy.deepcopy(settings)
    with pytest.raises(ApiError, match=r"services\.order\.weights\.order-3 must be at least 1"):
        convert_builtins(settings, Settings)
    assert settings == before


def test_a_fault_before_the_end_of_json_that_is_none_is_told() -> None:
    assert refused(f'{{"lines":[{LINE}],"extra":{{"a":"long"}},').field == "extra[...]"


def test_a_proxy_that_is_none_is_told_with_its_field() -> None:
    with pytest.raises(ApiError, match=r"trustedProxies: '10\.0\.0\.0/33'"):
        convert_builtins({"trustedProxies": ["10.0.0.0/33"]}, GatewaySettings)


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"lines":nul}', b'{"lines":[{"productId":"\xff"}]}', b'{"lines":' + b"[" * 50_000]
)
def test_what_is_not_json_is_said_to_be_so(body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        decode_json(msgspec.json.Decoder(dict[str, object] if b"[[" in body else Basket), body)
    assert caught.value.code == "VALIDATION_FAILED"
    assert "JSON" in caught.value.message or "nested" in caught.value.message


def test_query_fields_are_read_from_text() -> None:
    assert convert_query({"limit": "5", "unread": "true"}, Filter) == Filter(limit=5, unread=True)


def test_a_query_field_out_of_bounds_is_refused_by_name() -> None:
    with pytest.raises(ApiError, match="limit must be at most 100"):
        convert_query({"limit": "101"}, Filter)


class Settled(Request, frozen=True):
    weight: Annotated[float, Meta(le=60, extra_json_schema={"x-unit": "kg"})] = 1.0
    anything: object = None


class Open(Settled, frozen=True):
    LARGE_NUMBERS_PASS: ClassVar = True


@pytest.mark.parametrize("kind", [Settled, Open])
def test_a_number_larger_than_any_breaks_its_bound_like_others(kind: type[Settled]) -> None:
    with pytest.raises(ApiError) as caught:
        decode_json(msgspec.json.Decoder(kind), b'{"anything":{"a":1e999},"weight":1e999}')
    (detail,) = caught.value.details or []
    assert (detail.field, detail.bound, detail.unit) == ("weight", 60, "kg")


def test_a_number_larger_than_any_passes_where_it_is_checked_later_and_nowhere_else() -> None:
    body = b'{"anything":{"a":-1e999}}'
    later = decode_json(msgspec.json.Decoder(Open), body)
    assert later.anything == {"a": -sys.float_info.max}
    with pytest.raises(ApiError, match="out of range"):
        decode_json(msgspec.json.Decoder(Settled), body)


@pytest.mark.parametrize(
    "body", [b'{"anything":[1e999,NaN]}', b'{"anything":[1e999,', b'{"anything":[1e999,"\xff"]}']
)
def test_a_number_larger_than_any_excuses_nothing_else(body: bytes) -> None:
    with pytest.raises(ApiError):
        decode_json(msgspec.json.Decoder(Open), body)
