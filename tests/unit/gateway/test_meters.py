from hypothesis import given
from hypothesis import strategies as st

from embedded_services.gateway.meters import MAX_SERIES, OTHERS, Meters
from tests.helpers.child import demo_settings

routes = st.sampled_from(["/api/users", "/api/orders", None, "/health"])
asked = st.tuples(routes, st.sampled_from(["a-1", "a-2", None]), st.sampled_from([200, 404, 499, 503]))


@given(st.lists(st.tuples(asked, st.integers(0, 40)), max_size=80))
def test_every_request_is_counted_once_and_those_of_the_last_ten_seconds_make_the_rate(
    requests: list[tuple[tuple[str | None, str | None, int], int]],
) -> None:
    meters = Meters(demo_settings())
    now = 0
    seen: list[tuple[int, int]] = []
    meters.digest(now)
    for (route, instance, status), wait in requests:
        if wait > 25:
            now += wait - 25
            meters.digest(now)
        meters.add(route, "a", instance, status, 0.01)
        if route != "/health":
            seen.append((now, status))
    now += 1
    meters.digest(now)
    assert sum(route.requests for route in meters.routes()) == len(seen)
    recent = [status for second, status in seen if second >= now - 10]
    assert meters.recent.requests == len(recent)
    assert meters.recent.failed == sum(status >= 500 for status in recent)
    assert sum(meters.recent.counts.values()) == len(recent)
    statuses = [status for one in meters.series() for status in one.statuses.elements()]
    assert len(statuses) == len(requests)


def test_what_is_told_apart_is_bounded() -> None:
    meters = Meters(demo_settings())
    for number in range(MAX_SERIES * 5):
        meters.add("/api/x", "a", f"a-{number}", 200, 0.01)
    series = meters.series()
    assert len(series) <= MAX_SERIES + 1
    assert sum(one.statuses.total() for one in series) == MAX_SERIES * 5
    assert any(one.instance == OTHERS for one in series)


def test_routes_of_one_path_are_told_apart_by_the_service_they_go_to() -> None:
    meters = Meters(demo_settings())
    meters.digest(0)
    for service, status in (("order", 200), ("orchestrator", 202), ("order", 200), ("orchestrator", 503)):
        meters.add("/api/orders", service, f"{service}-1", status, 0.01)
        meters.add("/api/orders", service, None, status, 0.01)
    meters.digest(1)
    told = {
        route.service: (route.requests, route.rate, route.statuses)
        for route in meters.routes()
        if route.prefix == "/api/orders"
    }
    assert told == {
        "order": (4, 0.4, {"2xx": 4}),
        "orchestrator": (4, 0.4, {"2xx": 2, "5xx": 2}),
    }


def test_changed_routes_keep_what_was_counted() -> None:
    meters = Meters(demo_settings())
    meters.add("/api/users", "user", "user-1", 200, 0.01)
    meters.apply(demo_settings())
    meters.add("/api/users", "user", "user-1", 200, 0.01)
    assert next(route.requests for route in meters.routes() if route.prefix == "/api/users") == 2
