from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pamqp import commands
from pamqp.header import ContentHeader

from embedded_services.broker.content_header import read, with_headers

Properties = commands.Basic.Properties
texts = st.none() | st.text(min_size=1, max_size=10)
properties = st.builds(
    Properties,
    content_type=texts,
    content_encoding=texts,
    headers=st.none() | st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(0, 9), min_size=1),
    delivery_mode=st.none() | st.sampled_from([1, 2]),
    priority=st.none() | st.integers(0, 9),
    correlation_id=texts,
    reply_to=texts,
    expiration=st.none() | st.integers(0, 99).map(str),
    message_id=texts,
    timestamp=st.none() | st.just(datetime(2030, 1, 2, tzinfo=UTC)),
    message_type=texts,
    user_id=texts,
    app_id=texts,
)


@given(
    properties, st.dictionaries(st.sampled_from(["a", "d"]), st.integers(10, 19), min_size=1), st.booleans()
)
def test_only_headers_change(was: Any, headers: dict[str, int], keep_expiration: bool) -> None:
    payload = with_headers(ContentHeader(0, 0, was).marshal()[12:], headers, keep_expiration=keep_expiration)
    wanted = {**dict(was), "headers": {**(was.headers or {}), **headers}}
    if not keep_expiration:
        wanted["expiration"] = None
    head = ContentHeader()
    head.unmarshal(bytes(12) + payload)
    assert dict(head.properties) == wanted


@given(properties)
def test_what_a_broker_goes_by_is_read(given: Any) -> None:
    known = read(ContentHeader(0, 0, given).marshal()[12:])
    assert known == (
        given.headers or {},
        given.delivery_mode or 1,
        given.priority or 0,
        given.expiration,
        given.user_id or "",
    )
