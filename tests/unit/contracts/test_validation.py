"""What a caller is told when a message breaks its type."""

import enum
from decimal import Decimal
from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from embedded_services.contracts.errors import ApiError, ErrorDetail
from embedded_services.contracts.validation import convert_query, decode_json
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
            f'{{"lines":[{LINE}],"extra":{{"a":"long"}}}}',
            "extra[...]",
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
