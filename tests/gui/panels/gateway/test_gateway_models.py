"""The tables of the panel: they take what comes, drop what is old, and are honest about what they lack."""

from collections.abc import Callable

import msgspec
import pytest
from PySide6.QtCore import QAbstractItemModel

from app.panels.gateway.breakers_model import BreakersModel, breaker_rows, summary
from app.panels.gateway.picks_model import CAPACITY, PicksModel
from app.panels.gateway.request_book import LoggedRequest, RequestFilter
from app.panels.gateway.requests_model import RequestsModel, happened, served_by, tint
from app.panels.gateway.routes_model import RoutesModel, route_rows
from app.panels.gateway.tally import Tally
from app.panels.gateway.trace_rows import of_record, of_trace
from embedded_services.contracts.gateway import Breaker, BreakerState
from embedded_services.contracts.settings import BreakerPolicy, CallPolicy
from embedded_services.contracts.system import RequestRecord
from embedded_services.contracts.traces import Trace
from tests.gui.panels.gateway.shop import (
    NOW,
    attempt,
    pick,
    record,
    retried,
    settings,
    target,
    totals,
    trace_of,
    upstream,
    upstreams,
)  # fmt: skip
from tests.helpers.child import demo_settings

Check = Callable[[QAbstractItemModel], None]


def logged(first: int, last: int, **changes: object) -> list[LoggedRequest]:
    return [LoggedRequest(seq, record(seq, **changes)) for seq in range(first, last + 1)]


def shown(model: RequestsModel) -> list[int]:
    return [row.seq for row in model.rows()]


# --- requests ---------------------------------------------------------------------------------------------------------


def test_newest_request_is_on_top(qapp: object, check_model: Check) -> None:
    model = RequestsModel()
    check_model(model)
    model.take(logged(1, 3), 3)
    model.take(logged(2, 5), 5)
    assert shown(model) == [5, 4, 3, 2, 1]
    assert model.index_of(4).row() == 1
    assert not model.index_of(9).isValid()
    assert not model.index_of(0).isValid()


def test_oldest_requests_give_way(qapp: object, check_model: Check) -> None:
    model = RequestsModel(capacity=4)
    check_model(model)
    model.take(logged(1, 3), 3)
    model.take(logged(4, 6), 6)
    assert shown(model) == [6, 5, 4, 3]
    model.take(logged(7, 20), 20)
    assert shown(model) == [20, 19, 18, 17]


def test_filter_holds_for_old_and_new_requests(qapp: object, check_model: Check) -> None:
    model = RequestsModel(capacity=6)
    check_model(model)
    model.take([*logged(1, 2), LoggedRequest(3, record(3, status=503)), LoggedRequest(4, retried(4))], 4)
    model.set_filter(RequestFilter("failed"))
    assert shown(model) == [3]
    model.take([LoggedRequest(5, record(5, status=500)), *logged(6, 9)], 9)
    assert shown(model) == [5]
    model.set_filter(RequestFilter("retried"))
    assert shown(model) == [4]
    model.set_filter(RequestFilter("all", "POST orders"))
    assert shown(model) == [4]
    model.take(logged(10, 15), 15)
    assert shown(model) == []
    model.set_filter(RequestFilter())
    assert shown(model) == [15, 14, 13, 12, 11, 10]


@pytest.mark.parametrize("text", ["ORDERS/x", "404", "f" * 8, "usr_demo", "no such order", "order-1"])
def test_text_is_looked_for_in_all_that_is_shown(text: str) -> None:
    row = LoggedRequest(1, record(1, path="/api/orders/X", status=404, trace="f" * 32, note="No such order"))
    assert RequestFilter("all", text).passing([row]) == [row]
    assert RequestFilter("all", f"{text} nowhere").passing([row]) == []


def test_what_was_not_recorded_is_counted() -> None:
    tally = Tally()
    tally.see(500, 39_228)
    assert (tally.missed, tally.kept) == (0, 1.0)
    tally.see(80, 41_228)
    assert (tally.taken, tally.missed, tally.kept) == (80, 1920, 0.04)


def test_what_happened_names_the_tries_that_failed() -> None:
    def said(row: RequestRecord) -> str:
        return "".join(span.text for span in happened(row))

    assert said(record()) == ""
    assert said(retried()) == "order-1 answered 503, retried"
    lost = record(
        status=504, attempts=[attempt("order-1", outcome="did not answer in time")], note="no time left"
    )
    assert said(lost) == "order-1 did not answer in time, given up · no time left"
    assert said(record(status=499)) == "the client left"
    assert tint(LoggedRequest(1, lost)) == "bad_tint"
    assert served_by(record(instance=None)) == "nobody of order"
    assert served_by(record(instance=None, service=None)) == "gateway"


# --- picks and breakers -----------------------------------------------------------------------------------------------


def test_picks_keep_the_newest(qapp: object, check_model: Check) -> None:
    model = PicksModel()
    check_model(model)
    model.take([(seq, pick("order-1", NOW + seq)) for seq in range(1, 11)], 10)
    model.take([(seq, pick("order-2", NOW + seq)) for seq in range(11, 200)], 399)
    assert len(model.rows()) == CAPACITY
    assert [row.seq for row in model.rows()[:2]] == [199, 198]
    assert model.tally.missed == 200
    model.restart()
    assert not model.rows()


def test_open_breakers_come_first_and_count_down() -> None:
    rows = breaker_rows({row.service: row for row in upstreams()}, settings().services, NOW)
    assert [row.instance for row in rows[:2]] == ["payment-2", "user-1"]
    assert rows[0].detail == "probe in 0.7 s · 3 of 3 failed"
    assert summary(rows) == "1 open, 7 closed"
    assert next(row for row in rows if row.instance == "order-1").detail == "9.7 % failing, opens at 50 %"
    later = breaker_rows({row.service: row for row in upstreams()}, settings().services, NOW + 60)
    assert later[0].detail == "probe in 0.0 s · 3 of 3 failed"


def test_ejected_instance_says_when_it_comes_back() -> None:
    half = Breaker(state=BreakerState.HALF_OPEN, since=NOW, calls=0, failed=0)
    service = upstream(
        "user",
        [
            target("user-1", ejections=2, ejected_until=NOW + 8.25),
            target("user-2", breaker=half, ejections=1),
            target("user-3", ejections=1, ejected_until=NOW - 1),
        ],
    )
    rows = {row.instance: row for row in breaker_rows({"user": service}, settings().services, NOW)}
    assert rows["user-1"].state == "ejected"
    assert rows["user-1"].detail.startswith("back in 8.2 s")
    assert (rows["user-2"].state, rows["user-2"].detail) == ("half-open", "3 probes at a time · ejected once")
    assert rows["user-3"].state == "closed"
    assert summary(list(rows.values())) == "1 half-open, 1 ejected, 1 closed"


def test_breaker_that_is_off_says_so(qapp: object, check_model: Check) -> None:
    off = settings(user={"policy": CallPolicy(breaker=BreakerPolicy(enabled=False))})
    rows = breaker_rows({"user": upstreams()[0]}, off.services, NOW)
    assert {row.detail for row in rows} == {"breaker is off"}
    model = BreakersModel()
    check_model(model)
    model.apply(rows)
    model.apply(list(reversed(rows)))


# --- routes and traces ------------------------------------------------------------------------------------------------


def test_routes_come_with_figures_and_the_gateways_own_after_them(qapp: object, check_model: Check) -> None:
    rows = route_rows(settings(), totals())
    assert [row.prefix for row in rows][-2:] == ["/api/templates", "/api/dashboard"]
    orders = next(row for row in rows if row.prefix == "/api/orders" and not row.exact)
    assert (orders.service, orders.requests, orders.p99, orders.failures) == ("order", 9779, 28.1, 27)
    assert next(row for row in rows if row.prefix == "/api/cart").requests is None
    model = RoutesModel()
    check_model(model)
    model.apply(rows)
    model.apply(route_rows(settings(), None))


def test_routes_of_one_path_are_rows_of_their_own_and_counted_once(qapp: object, check_model: Check) -> None:
    demo = demo_settings()
    rows = route_rows(demo, totals())
    assert sum(route.prefix == "/api/orders" for route in demo.routes) == 2, "orders are made elsewhere"
    orders = [row for row in rows if row.prefix == "/api/orders"]
    assert [(row.exact, row.service, row.requests) for row in orders] == [
        (True, "orchestrator", None),
        (False, "order", 9779),
    ]
    model = RoutesModel()
    check_model(model)
    model.apply(rows)
    model.apply(rows[::-1])
    assert model.rowCount() == len(rows)


def test_each_row_of_a_path_has_the_figures_of_its_own_service(qapp: object) -> None:
    told = totals()
    order = next(route for route in told.routes if route.prefix == "/api/orders")
    made = msgspec.structs.replace(order, service="orchestrator", requests=17)
    rows = route_rows(demo_settings(), msgspec.structs.replace(told, routes=[*told.routes, made]))
    assert [(row.exact, row.service, row.requests) for row in rows if row.prefix == "/api/orders"] == [
        (True, "orchestrator", 17),
        (False, "order", 9779),
    ]


def test_tries_are_bars_of_the_request() -> None:
    view = of_record(retried(), "not sampled")
    assert [(bar.label, bar.kind, bar.figure) for bar in view.bars] == [
        ("gateway", "gateway", "31.4"),
        ("try 1 order-1", "failed", "503"),
        ("wait 20.8 ms", "wait", ""),
        ("try 2 order-2", "work", "8.6"),
    ]
    assert (view.span, view.note) == (31.4, "not sampled")
    assert view.bars[2].start == pytest.approx(1.6)


def test_spans_stand_below_their_parents() -> None:
    row = retried()
    view = of_trace(row, trace_of(row))
    assert [(bar.label, bar.depth) for bar in view.bars][5:] == [
        ("try 2 order-2", 1),
        ("orders.db", 2),
        ("outbox", 2),
    ]
    assert [bar.kind for bar in view.bars[:5]] == ["gateway", "work", "work", "failed", "wait"]
    assert view.bars[3].figure == "503"


def test_trace_without_spans_falls_back_to_the_tries() -> None:
    row = retried()
    view = of_trace(row, Trace(id=row.trace, spans=[]))
    assert len(view.bars) == 4
    assert view.note == "No span of it was kept."
    cut = of_trace(row, Trace(id=row.trace, spans=trace_of(row).spans[5:], dropped=5))
    assert [bar.depth for bar in cut.bars] == [0, 1, 1]
    assert cut.note == "5 spans were not kept"
