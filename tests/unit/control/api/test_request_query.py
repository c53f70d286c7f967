import msgspec
import pytest

from embedded_services.contracts.gateway import Attempt
from embedded_services.contracts.system import RequestRecord
from embedded_services.control.api.request_query import RequestQuery

TRACE = "a" * 32


def record(**changes: object) -> RequestRecord:
    plain = RequestRecord(
        id="0123456789abcdef", at=1.0, method="GET", path="/api/orders/ord_1?x=1", status=503, took_ms=2.0,
        route="/api/orders", service="order", instance="order-1", tries=2, user="usr_demo", client="127.0.0.1",
        trace=TRACE, note="order-2 refused the connection",
        attempts=[
            Attempt(instance="order-2", reason="turn", why="", outcome="refused", at_ms=0.1, took_ms=0.1),
            Attempt(instance="order-1", reason="retry", why="", outcome="503", at_ms=0.3, took_ms=0.1),
        ],
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


@pytest.mark.parametrize(
    ("asked", "other"),
    [
        ({"route": "/api/orders"}, {"route": "/api/users"}),
        ({"status": "503"}, {"status": "504"}),
        ({"status": "5xx"}, {"status": "4xx"}),
        ({"instance": "order-1"}, {"instance": "order-3"}),
        ({"instance": "order-2"}, {"instance": "user-1"}),
        ({"trace": TRACE}, {"trace": "b" * 32}),
        ({"q": "get /API/orders"}, {"q": "POST"}),
        ({"q": "REFUSED"}, {"q": "timed out"}),
        ({"q": "usr_demo"}, {"q": "usr_x"}),
        ({"q": "89abc"}, {"q": "?y"}),
    ],
)
def test_a_request_is_found_by_what_it_was(asked: dict[str, str], other: dict[str, str]) -> None:
    assert msgspec.convert(asked, RequestQuery).wants(record())
    assert not msgspec.convert(other, RequestQuery).wants(record())
    assert not msgspec.convert({**asked, "q": "nothing like it"}, RequestQuery).wants(record())


def test_all_are_wanted_when_nothing_is_asked() -> None:
    assert RequestQuery().wants(record())
    assert RequestQuery().wants(record(route=None, instance=None, user=None, attempts=[]))


@pytest.mark.parametrize("asked", [{"status": "9xx"}, {"status": "20"}, {"trace": "xyz"}])
def test_what_no_request_could_be_is_refused(asked: dict[str, str]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(asked, RequestQuery)
