"""The tree and the journal: what cells read, and that any sequence of states keeps the rules of Qt's models."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QAbstractItemModel, Qt
from PySide6.QtTest import QAbstractItemModelTester, QSignalSpy

from app.panels.services.journal_model import JournalModel, journal_row
from app.panels.services.readings import Readings
from app.panels.services.services_model import Place, ServicesModel
from app.panels.services.services_rows import Asked, Sources, tree_rows
from app.qt.columns import Look, Role
from app.qt.row_filter import RowFilter
from embedded_services.contracts.instances import Instance, Latency, Status
from embedded_services.contracts.settings import Strategy
from embedded_services.contracts.system import Service
from tests.gui.panels.services.shop import NOW, change, frozen, instance, process, service

Check = Callable[[QAbstractItemModel], None]


def apply(
    model: ServicesModel, services: list[Service], instances: list[Instance], asked: Asked | None = None
) -> None:
    processes = {row.id: process(row.id, pid=row.pid) for row in instances}
    known = Sources({row.name: row for row in services}, {row.id: row for row in instances}, processes, NOW)
    model.apply(tree_rows(known, asked or Asked(), Readings()))


def cells(model: ServicesModel, identity: str) -> list[str]:
    index = model.index_of_member(identity)
    return [index.siblingAtColumn(place).data() for place in Place]


class TestTree:
    def test_an_instance_shows_every_column(self) -> None:
        model = ServicesModel()
        one = instance(
            "user-1",
            requests=4494,
            failures=3,
            in_flight=1,
            latency_ms=Latency(p50=3.12, p99=1024.56),
            pid=48205,
        )
        apply(model, [service("user")], [one, instance("user-2")])
        assert cells(model, "user-1") == [
            "user-1", "Healthy · checked just now", "3001", "48205", "6:03", "1", "4,494", "3", "3.1", "1,024.6", "", "",
        ]  # fmt: skip

    def test_what_is_not_known_is_a_dash(self) -> None:
        model = ServicesModel()
        apply(model, [service("user")], [instance("user-1", pid=None)])
        shown = cells(model, "user-1")
        assert [shown[place] for place in (Place.PID, Place.P50, Place.P99)] == ["–", "–", "–"]

    def test_a_service_says_rotation_strategy_and_replicas(self) -> None:
        model = ServicesModel()
        apply(
            model,
            [service("user", strategy=Strategy.LEAST_CONNECTIONS)],
            [instance("user-1"), frozen("user-2")],
        )
        group = model.index_of_group("user")
        assert group.siblingAtColumn(Place.STATUS).data() == "1 of 2 in rotation"
        assert group.siblingAtColumn(Place.P99).data() == "picks by  least connections"
        assert group.siblingAtColumn(Place.LATENCY).data() == "replicas"
        assert "user" in group.data()

    def test_the_lamp_has_a_word_for_those_who_cannot_see_it(self) -> None:
        model = ServicesModel()
        apply(model, [service("user")], [frozen("user-1")])
        index = model.index_of_member("user-1")
        assert index.data(Qt.ItemDataRole.AccessibleTextRole) == "user-1, frozen"
        assert isinstance(look := index.data(Role.LOOK), Look)
        assert look.mark == "frozen"

    def test_what_is_under_way_takes_the_place_of_the_status(self) -> None:
        model = ServicesModel()
        apply(model, [service("user")], [instance("user-1")], Asked(actions={"user-1": "restart"}))
        assert cells(model, "user-1")[Place.STATUS] == "Restarting…"

    def test_one_changed_figure_is_one_changed_cell(self, check_model: Check) -> None:
        model = ServicesModel()
        check_model(model)
        shop = [instance("user-1"), instance("user-2"), instance("order-1")]
        apply(model, [service("user"), service("order", 1)], shop)
        changed = QSignalSpy(model.dataChanged)
        apply(model, [service("user"), service("order", 1)], [*shop[:2], instance("order-1", in_flight=4)])
        assert changed.count() == 1
        cell = model.index_of_member("order-1").siblingAtColumn(Place.IN_FLIGHT)
        assert changed.at(0)[:2] == [cell, cell]

    def test_the_filter_finds_by_any_cell(self) -> None:
        model = ServicesModel()
        apply(
            model,
            [service("user"), service("order", 1)],
            [instance("user-1"), frozen("user-2"), instance("order-1")],
        )
        found = RowFilter(model)
        found.set_text("no reply")
        assert [found.index(0, 0, found.index(row, 0)).data() for row in range(found.rowCount())] == [
            "user-2"
        ]

    @settings(max_examples=25)
    @given(
        st.lists(
            st.dictionaries(
                st.sampled_from(["user", "order", "mail"]),
                st.lists(st.sampled_from([1, 2, 3, 4]), unique=True, max_size=4),
                max_size=3,
            ),
            max_size=6,
        ),
        st.sets(st.sampled_from(["user-1", "order-2", "mail-3"])),
    )
    def test_any_sequence_of_systems_keeps_the_rules_of_models(
        self, systems: list[dict[str, list[int]]], ill: set[str]
    ) -> None:
        model = ServicesModel()
        passed = RowFilter(model)
        testers = [
            QAbstractItemModelTester(one, QAbstractItemModelTester.FailureReportingMode.Fatal)
            for one in (model, passed)
        ]
        for turn, system in enumerate(systems):
            ids = [f"{name}-{number}" for name, numbers in system.items() for number in numbers]
            make = [frozen(one) if one in ill and turn % 2 else instance(one, requests=turn) for one in ids]
            apply(model, [service(name) for name in system], make)
            passed.set_text("frozen" if turn % 3 == 2 else "")
            assert model.rowCount() == len(system)
        del testers


class TestJournal:
    def test_an_entry_goes_from_what_to_what_and_why(self) -> None:
        row = journal_row(
            7, change(7, "user-1", Status.HEALTHY, Status.FROZEN, reason="frozen by you", at=NOW - 75), NOW
        )
        assert (row.before, row.after, row.status, row.ago) == ("healthy", "frozen", "frozen", "1 min ago")

    def test_an_entry_about_rotation_alone_says_so(self) -> None:
        out = change(1, "user-1", Status.FROZEN, Status.FROZEN, in_rotation=False)
        back = change(2, "user-1", Status.HEALTHY, Status.HEALTHY, in_rotation=True)
        assert (journal_row(1, out, NOW).before, journal_row(1, out, NOW).after) == (
            "in rotation",
            "out of rotation",
        )
        assert journal_row(2, back, NOW).after == "in rotation"

    def test_coming_and_going_have_words(self) -> None:
        assert journal_row(1, change(1, "user-1", None, Status.STARTING), NOW).before == "new"
        gone = journal_row(2, change(2, "user-1", Status.DRAINING, None), NOW)
        assert (gone.after, gone.status) == ("removed", "stopped")

    def test_the_moment_is_in_the_tooltip(self, check_model: Check) -> None:
        model = JournalModel()
        check_model(model)
        model.apply([journal_row(1, change(1, "user-1", None, Status.STARTING), NOW)])
        assert model.index(0, 0).data() == "10 s ago"
        assert str(model.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)).endswith(":10.0")

    def test_the_newest_of_an_instance_are_read_oldest_first(self) -> None:
        model = JournalModel()
        rows = [journal_row(n, change(n, f"user-{n % 2 + 1}", None, Status.STARTING), NOW) for n in range(10)]
        model.apply(rows[::-1])
        assert [row.seq for row in model.newest(lambda row: row.instance == "user-1", 3)] == [4, 6, 8]
