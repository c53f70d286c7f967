"""What the journal promises: all of a turn or nothing, what could not be written is written later, and everything is found."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from embedded_services.contracts.sagas import SagaState
from embedded_services.sagas.journal import Journal, Shelf, Stored, Wanted
from embedded_services.sagas.run import Origin, Run, new_run
from embedded_services.sagas.signals import Noted
from tests.unit.sagas.world import LINE


def a_run(number: int, **data: object) -> Run:
    return new_run(LINE, f"saga_{number}", Origin("0" * 32), {"number": number, **data}, float(number))


def ended(run: Run, state: SagaState, failure: str = "") -> Run:
    fields = {name: getattr(run, name) for name in run.__struct_fields__}
    return Run(**{**fields, "state": state, "failure": failure})


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path / "sagas.db")) as journal:
        yield journal


def put(journal: Journal, run: Run, *lines: str) -> Stored:
    noted = [Noted(line) for line in lines or ("started",)]
    return journal.put(Stored(journal.next_seq(), run, 0, run.started_at), noted)


def test_nothing_is_true_before_the_commit_and_all_of_it_after(journal: Journal) -> None:
    put(journal, a_run(1), "started", "called")
    journal.remember_request("key", b"digest", "saga_1")
    journal.tell("msg_1", "saga.started", b"{}", "trace", 1.0)
    assert (journal.find("saga_1"), journal.waiting(9)) == (None, [])
    assert journal.started_by("key") == (b"digest", "saga_1"), "another request must not start it once more"
    journal.commit()
    found = journal.find("saga_1")
    assert found is not None
    assert (found.run, found.lines) == (a_run(1), 2)
    assert [told.message for told in journal.waiting(9)] == ["msg_1"]


def test_how_far_a_saga_has_come_is_read_back_also_while_its_state_stays(
    journal: Journal, tmp_path: Path
) -> None:
    begun = put(journal, a_run(1), "started", "called")
    journal.commit()
    later = Stored(begun.seq, begun.run, begun.lines, 7.5)
    journal.put(later, [Noted("answered"), Noted("called"), Noted("answered")], turned=False)
    journal.commit()
    found = journal.find("saga_1")
    assert found is not None
    assert (found.lines, found.updated_at) == (5, 7.5)
    with closing(Shelf(tmp_path / "sagas.db")) as shelf:
        assert shelf.page(Wanted(), 9) == [found]


def test_what_could_not_be_written_is_written_with_what_came_meanwhile(
    journal: Journal, tmp_path: Path
) -> None:
    journal._db.execute("PRAGMA busy_timeout = 0")
    first = put(journal, a_run(1), "started")
    with closing(sqlite3.connect(tmp_path / "sagas.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(2):
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                journal.commit()
        later = journal.put(first, [Noted("called")])
        other.execute("ROLLBACK")
    journal.commit()
    with closing(Shelf(tmp_path / "sagas.db")) as shelf:
        assert [(line.seq, line.what) for line in shelf.lines_of(later.seq)] == [
            (1, "started"),
            (2, "called"),
        ]
        assert [found.run.id for found in shelf.page(Wanted(text="saga_1"), 9)] == ["saga_1"]


def test_an_event_stays_until_it_is_published(journal: Journal) -> None:
    for number in range(3):
        journal.tell(f"msg_{number}", "saga.started", b"{}", "", 5.0 + number)
    journal.commit()
    assert journal.backlog() == (3, 5.0)
    journal.published([told.seq for told in journal.waiting(2)])
    assert len(journal.waiting(9)) == 3
    journal.commit()
    assert [told.message for told in journal.waiting(9)] == ["msg_2"]


def test_unfinished_sagas_are_found_in_order_and_in_parts(journal: Journal) -> None:
    for number in range(1, 8):
        run = a_run(number)
        put(journal, ended(run, SagaState.COMPLETED) if number % 3 == 0 else run)
    journal.commit()
    found, after = [], 0
    while part := journal.unfinished(after, 2):
        found += [stored.run.id for stored in part]
        after = part[-1].seq
    assert found == ["saga_1", "saga_2", "saga_4", "saga_5", "saga_7"]


def test_filters_find_what_they_say(journal: Journal, tmp_path: Path) -> None:
    for number in range(1, 7):
        run = a_run(number, userId=f"usr_{number}", items=[{"productId": "prod_50%"}])
        state = SagaState.COMPENSATED if number == 4 else SagaState.COMPLETED
        put(journal, ended(run, state, "Payment processing failed" if number == 4 else ""))
    journal.commit()
    with closing(Shelf(tmp_path / "sagas.db")) as shelf:

        def found(**given: object) -> list[int]:
            return [stored.seq for stored in shelf.page(Wanted(**given), 50)]  # type: ignore[arg-type] # a test's own

        assert found() == [6, 5, 4, 3, 2, 1]
        assert found(state=SagaState.COMPENSATED) == found(text="payment PROCESSING") == [4]
        assert found(text="USR_3") == found(text="saga_3") == [3]
        assert found(text="50%") == [6, 5, 4, 3, 2, 1]
        assert found(text="%_5") == found(text="' OR 1=1 --") == []
        assert found(since=2.0, until=4.0) == [3, 2]
        assert found(before=3) == [2, 1]
        assert [stored.seq for stored in shelf.page(Wanted(), 2)] == [6, 5]
        assert shelf.counts() == {"completed": 5, "compensated": 1}


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    for expected in (1, 2):
        with closing(Journal(tmp_path / "sagas.db")) as journal:
            assert put(journal, a_run(expected)).seq == expected
            journal.commit()


def test_a_file_of_another_version_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "sagas.db")) as other:
        other.execute("PRAGMA user_version = 77")
    with pytest.raises(sqlite3.DatabaseError, match="version 77"):
        Journal(tmp_path / "sagas.db")
