from hypothesis import given
from hypothesis import strategies as st

from embedded_services.upstream.recent_counts import RecentCounts

events = st.lists(st.tuples(st.floats(0, 4), st.booleans()), max_size=40)


@given(events, st.integers(1, 6), st.floats(0, 8))
def test_the_sums_are_of_the_last_seconds(given_: list[tuple[float, bool]], span: int, later: float) -> None:
    counts, now, seen = RecentCounts(span), 100.0, []
    for step, marked in given_:
        now += step
        counts.add(now)
        if marked:
            counts.mark(now)
        seen.append((int(now), marked))
        recent = [mark for second, mark in seen if second > int(now) - span]
        assert (counts.all, counts.marked) == (len(recent), sum(recent))
    now += later
    counts.expire(now)
    recent = [mark for second, mark in seen if second > int(now) - span]
    assert (counts.all, counts.marked) == (len(recent), sum(recent))


def test_the_span_can_be_changed() -> None:
    counts = RecentCounts(10)
    for second in range(10):
        counts.add(float(second))
    counts.span_s = 3
    counts.expire(9.5)
    assert counts.all == 3
    counts.clear()
    assert (counts.all, counts.marked) == (0, 0)
