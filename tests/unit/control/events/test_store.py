from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.contracts.events import EventQuery, Seen
from embedded_services.control.events.matching import fold
from embedded_services.control.events.store import EventStore

SMALL = {"segment": 10, "segments": 3}


def seen(seq: int, body: str = "{}", type_: str = "order.created", trace: str = "") -> Seen:
    return Seen(
        seq=seq, at=1.0, type=type_, source="order", message_id=f"m{seq}", routing_key=type_, trace=trace,
        size=len(body.encode()), body=body,
    )  # fmt: skip


def seqs(store: EventStore, **query: object) -> list[int]:
    page = store.search(EventQuery(**query))  # type: ignore[arg-type]  # as EventQuery's
    assert page.total == len(page.items)
    return [event.seq for event in page.items]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    store = EventStore(tmp_path, **SMALL)
    yield store
    store.close()


def test_an_empty_history_says_so(store: EventStore) -> None:
    page = store.search(EventQuery())
    assert (page.items, page.total, page.first_seq, page.last_seq, page.dropped) == ([], 0, 1, 0, 0)


def test_the_newest_come_first_and_the_total_is_exact_over_all_segments(store: EventStore) -> None:
    store.append([seen(seq) for seq in range(1, 26)])
    page = store.search(EventQuery(limit=12))
    assert [event.seq for event in page.items] == list(range(25, 13, -1))
    assert (page.total, page.first_seq, page.last_seq, page.dropped) == (25, 1, 25, 0)
    assert seqs(store, before=14, after=8) == [13, 12, 11, 10, 9]


def test_beyond_the_bound_the_oldest_go_and_are_counted(store: EventStore) -> None:
    for seq in range(1, 38):
        store.append([seen(seq)])
    page = store.search(EventQuery())
    assert (page.total, page.first_seq, page.last_seq, page.dropped) == (27, 11, 37, 10)


def test_the_bound_in_bytes_holds_too(tmp_path: Path) -> None:
    store = EventStore(tmp_path, segments=3, max_bytes=900_000)
    for seq in range(1, 101):
        store.append([seen(seq, f"{seq} " * 10_000)])
    store.close()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 2_000_000
    assert store.first_seq > 1
    assert store.last_seq == 100


def test_numbers_that_were_never_used_count_as_dropped(store: EventStore) -> None:
    store.append([seen(1), seen(5)])
    assert store.search(EventQuery()).dropped == 3


def test_it_survives_a_restart(tmp_path: Path) -> None:
    store = EventStore(tmp_path, **SMALL)
    store.append([seen(seq, f"body {seq}") for seq in range(1, 16)])
    store.close()
    store = EventStore(tmp_path, **SMALL)
    store.append([seen(16)])
    assert store.last_seq == 16
    assert seqs(store, q="BODY 1") == [15, 14, 13, 12, 11, 10, 1]
    store.close()


def test_a_damaged_file_is_thrown_away_and_the_others_stay(
    tmp_path: Path, expect_log: Callable[[str], None]
) -> None:
    expect_log("damaged")
    store = EventStore(tmp_path, **SMALL)
    store.append([seen(seq) for seq in range(1, 16)])
    store.close()
    for suffix in ("", "-wal"):
        if (path := tmp_path / f"history-1.db{suffix}").exists():
            path.write_bytes(b"not a database, by no means" * 400)
    store = EventStore(tmp_path, **SMALL)
    page = store.search(EventQuery())
    assert (page.total, page.first_seq, page.dropped) == (5, 11, 10)
    store.close()


def test_damage_that_shows_while_searching_costs_the_one_file(
    tmp_path: Path, expect_log: Callable[[str], None]
) -> None:
    expect_log("history-1.db is damaged and was thrown away")
    store = EventStore(tmp_path, **SMALL)
    store.append([seen(seq, f"{seq} " * 5_000) for seq in range(1, 16)])
    store.close()
    store = EventStore(tmp_path, **SMALL)
    path = tmp_path / "history-1.db"
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * (path.stat().st_size - 4096))
    assert seqs(store, q="1") == [15, 14, 13, 12, 11]
    assert seqs(store) == [15, 14, 13, 12, 11]
    store.append([seen(16)])
    assert store.search(EventQuery()).total == 6
    store.close()


def test_a_type_is_a_binding_pattern(store: EventStore) -> None:
    types = ["order.created", "order.item.added", "saga.order.compensated", "order"]
    store.append([seen(seq, type_=type_) for seq, type_ in enumerate(types, 1)])
    assert seqs(store, type="order.*") == [1]
    assert seqs(store, type="order.#") == [4, 2, 1]
    assert seqs(store, type="#.compensated") == [3]
    assert seqs(store, type="order") == [4]
    assert seqs(store, type="Order") == []


def test_a_trace_is_matched_as_a_whole(store: EventStore) -> None:
    store.append([seen(1, trace="a" * 32), seen(2, trace="b" * 32)])
    assert seqs(store, trace="b" * 32) == [2]
    assert seqs(store, trace="b" * 31) == []


def test_an_answer_that_is_remembered_is_that_of_its_question(store: EventStore) -> None:
    store.append([seen(seq, "a" if seq % 2 else "b") for seq in range(1, 31)])
    for _ in range(2):
        assert seqs(store, q="a") == list(range(29, 0, -2))
        assert seqs(store, q="b", after=5, before=15) == [14, 12, 10, 8, 6]
        assert len(store.search(EventQuery(q="a", limit=3)).items) == 3
    store.append([seen(31, "a")])
    assert seqs(store, q="a") == list(range(31, 10, -2))


TEXT = st.text(alphabet=st.sampled_from('ab"ÄäßB%_\\*\x00éK\u212aż\u03b1中 \u0131'), max_size=8)


@pytest.fixture(scope="module")
def common_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventStore]:
    """For many examples, of which each looks at its own events only."""
    store = EventStore(tmp_path_factory.mktemp("history"), segment=50, segments=100)
    yield store
    store.close()


@given(bodies=st.lists(TEXT, min_size=1, max_size=12), q=TEXT)
def test_a_filter_finds_exactly_what_holds_the_text(
    common_store: EventStore, bodies: list[str], q: str
) -> None:
    before = common_store.last_seq
    common_store.append([seen(seq, body) for seq, body in enumerate(bodies, before + 1)])
    wanted = [seq for seq, body in enumerate(bodies, before + 1) if plain(q) in plain(body)]
    assert seqs(common_store, q=q, after=before) == wanted[::-1]


def plain(text: str) -> str:
    return fold(text).replace("\x00", "␀")
