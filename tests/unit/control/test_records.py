from hypothesis import given
from hypothesis import strategies as st

from embedded_services.contracts.system import RequestRecord
from embedded_services.control.records import Recorder


def record(number: int) -> RequestRecord:
    return RequestRecord(
        id=str(number), at=1.0, method="GET", path="/", status=200, took_ms=1.0, route=None, service=None,
        instance=None, tries=1, user=None, client="127.0.0.1", trace="",
    )  # fmt: skip


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20), st.integers(0, 20)), max_size=10))
def test_what_the_gateway_could_not_keep_counts_as_missed_also_across_its_restarts(
    beats: list[tuple[bool, int, int]],
) -> None:
    recorder = Recorder(lambda: None)
    incarnation, total, everything, kept = 1, 0, 0, 0
    for restarted, fresh, keeps in beats:
        if restarted:
            incarnation, total = incarnation + 1, 0
        total += fresh
        everything += fresh
        kept += min(keeps, fresh)
        recorder.report(incarnation, [record(n) for n in range(min(keeps, fresh))], total)
    assert recorder.ring.last_seq == everything
    window = recorder.ring.newest_after(0, 10_000)
    assert (len(window.items), window.skipped) == (kept, everything - kept)


def test_beat_without_requests_changes_nothing() -> None:
    told: list[int] = []
    recorder = Recorder(lambda: told.append(1))
    recorder.report(1, [record(1)], 1)
    recorder.report(1, [], 1)
    assert (len(told), recorder.ring.last_seq) == (1, 1)
