"""Rows made of what the stream tells: every status has its why, and nothing is green that is not known to be."""

from dataclasses import replace

import pytest

from app.panels.services.readings import Readings
from app.panels.services.services_model import Place, instance_columns, service_columns
from app.panels.services.services_rows import (
    Asked,
    InstanceRow,
    ServiceRow,
    Sources,
    check_words,
    totals,
    tree_rows,
)
from embedded_services.contracts.instances import Instance, LastCheck, Latency, Status
from embedded_services.contracts.system import Process, Service
from tests.gui.panels.services.shop import NOW, crash_looping, frozen, instance, process, service


def sources(
    services: list[Service],
    instances: list[Instance],
    processes: tuple[Process, ...] = (),
    age_s: float | None = None,
) -> Sources:
    return Sources(
        {row.name: row for row in services},
        {row.id: row for row in instances},
        {row.name: row for row in processes},
        NOW,
        age_s,
    )


def rows_of(
    *instances: Instance, asked: Asked | None = None, age_s: float | None = None
) -> tuple[ServiceRow, dict[str, InstanceRow]]:
    """The rows of a service of which these are the instances."""
    known = sources([service("payment")], list(instances), age_s=age_s)
    [(group, members)] = tree_rows(known, asked or Asked(), Readings())
    return group, {row.id: row for row in members}


class TestFaults:
    def test_a_service_and_an_instance_say_which_faults_act_on_them(self) -> None:
        known = replace(
            sources([service("payment")], [instance("payment-1"), instance("payment-2")]),
            broken={"payment": "latency 300 ms", "payment-2": "abort 503 · freeze"},
        )
        [(group, members)] = tree_rows(known, Asked(), Readings())
        assert (group.fault, [row.fault for row in members]) == ("latency 300 ms", ["", "abort 503 · freeze"])
        column = instance_columns()[Place.STATUS]
        (tag,) = [span for span in column.look(members[1]).spans if span.tag]
        assert (tag.text, tag.tone) == ("abort 503 · freeze", "fault")
        assert column.text(members[1]).startswith("Healthy  abort 503 · freeze")
        assert column.tooltip is not None
        assert "broken by abort 503 · freeze" in column.tooltip(members[1])
        assert not any(span.tag for span in instance_columns()[Place.STATUS].look(members[0]).spans)
        assert service_columns()[Place.STATUS].text(group) == "latency 300 msboth in rotation"


class TestInstances:
    def test_healthy_one_says_how_fresh_that_is(self) -> None:
        _, rows = rows_of(instance("payment-1"), instance("payment-2"))
        assert rows["payment-1"].why == "checked just now"
        check = LastCheck(at=NOW - 7.5, ok=True, latency_ms=2.0, message="ok")
        _, rows = rows_of(instance("payment-1", last_check=check), instance("payment-2"))
        assert rows["payment-1"].why == "checked 7 s ago"

    def test_the_only_one_in_rotation_says_that_it_takes_everything(self) -> None:
        _, rows = rows_of(instance("payment-1"), frozen("payment-2"))
        assert rows["payment-1"].why == "takes all traffic"
        assert rows["payment-1"].is_last
        assert not rows["payment-2"].is_last

    def test_the_status_is_not_said_twice(self) -> None:
        _, rows = rows_of(frozen("payment-1"), frozen("payment-2", reason="frozen by you (SIGSTOP)"))
        assert rows["payment-1"].why == "no reply to 3 checks"
        assert rows["payment-2"].why == "by you (SIGSTOP)"

    def test_healthy_one_whose_check_failed_says_so(self) -> None:
        check = LastCheck(at=NOW, ok=False, latency_ms=None, message="no reply within 500 ms")
        reason = "a check failed: no reply within 500 ms; out of rotation at 2"
        _, rows = rows_of(instance("payment-1", last_check=check, reason=reason))
        assert (rows["payment-1"].why, rows["payment-1"].reason) == ("no reply to 1 of 2 checks", reason)

    def test_one_without_a_process_has_no_uptime(self) -> None:
        stopped = process("payment-1", started_at=None, pss=None)
        [(_, [row])] = tree_rows(
            sources([service("payment")], [crash_looping("payment-1")], (stopped,)), Asked(), Readings()
        )
        assert (row.pid, row.up_s, row.memory_mb) == (None, None, None)

    def test_uptime_is_the_process_own_whatever_its_status(self) -> None:
        [(_, [row])] = tree_rows(
            sources([service("payment")], [frozen("payment-1", since=NOW)], (process("payment-1"),)),
            Asked(),
            Readings(),
        )
        assert row.up_s == 363

    def test_what_was_asked_for_is_under_way(self) -> None:
        _, rows = rows_of(instance("payment-1"), asked=Asked(actions={"payment-1": "kill"}))
        assert rows["payment-1"].doing == "kill"

    def test_old_readings_say_how_old_they_are(self) -> None:
        _, rows = rows_of(instance("payment-1"), age_s=12.3)
        assert rows["payment-1"].why == "last reading 12 s ago"

    def test_figures_that_look_the_same_make_equal_rows(self) -> None:
        """So that a row is painted when something on it changes, not whenever it was heard of."""
        _, before = rows_of(instance("payment-1", latency_ms=Latency(p50=3.14159, p99=11.6)))
        check = LastCheck(at=NOW - 0.1, ok=True, latency_ms=9.9, message="ok")
        _, after = rows_of(instance("payment-1", latency_ms=Latency(p50=3.1, p99=11.6), last_check=check))
        assert before == after


class TestServices:
    @pytest.mark.parametrize(
        ("instances", "status", "summary"),
        [
            ([], "stopped", "no instances"),
            ([instance("payment-1")], "healthy", "in rotation"),
            ([instance("payment-1"), instance("payment-2")], "healthy", "both in rotation"),
            ([instance(f"payment-{n}") for n in (1, 2, 3)], "healthy", "all 3 in rotation"),
            ([instance("payment-1"), frozen("payment-2")], "degraded", "1 of 2 in rotation"),
            ([frozen("payment-1"), crash_looping("payment-2")], "unhealthy", "none in rotation"),
        ],
    )
    def test_the_lamp_sums_up_what_is_in_rotation(
        self, instances: list[Instance], status: str, summary: str
    ) -> None:
        group, _ = (
            rows_of(*instances)
            if instances
            else (tree_rows(sources([service("payment")], []), Asked(), Readings())[0][0], {})
        )
        assert (group.status, group.summary) == (status, summary)

    @pytest.mark.parametrize("away", [Status.STARTING, Status.DRAINING])
    def test_one_that_comes_or_goes_is_no_trouble(self, away: Status) -> None:
        group, _ = rows_of(instance("payment-1"), instance("payment-2", status=away, in_rotation=False))
        assert (group.status, group.summary) == (away.value, "1 of 2 in rotation")

    def test_one_that_is_frozen_but_not_found_out_yet_turns_the_lamp(self) -> None:
        group, _ = rows_of(instance("payment-1"), frozen("payment-2", in_rotation=True))
        assert (group.status, group.summary) == ("degraded", "both in rotation · payment-2 frozen")

    def test_replicas_are_what_was_asked_for_last(self) -> None:
        group, _ = rows_of(instance("payment-1"), asked=Asked(replicas={"payment": 5}))
        assert (group.replicas, group.is_scaling) == (5, True)

    def test_external_instances_stand_after_ours(self) -> None:
        ours = [instance("payment-10"), instance("payment-2")]
        [(_, rows)] = tree_rows(
            sources([service("payment")], [instance("a-1", service="payment", external=True), *ours]),
            Asked(),
            Readings(),
        )
        assert [row.id for row in rows] == ["payment-2", "payment-10", "a-1"]

    def test_instances_of_a_service_that_is_not_told_yet_are_shown(self) -> None:
        [(group, rows)] = tree_rows(sources([], [instance("new-1")]), Asked(), Readings())
        assert (group.name, group.external, len(rows)) == ("new", True, 1)


def test_totals_say_what_there_is_and_how_old_that_is() -> None:
    known = sources(
        [service("payment"), service("user", 1)],
        [instance("payment-1"), frozen("payment-2"), instance("user-1")],
    )
    groups = tree_rows(known, Asked(), Readings())
    assert totals(groups, None) == "2 services · 3 instances · 2 in rotation"
    assert totals(groups, 12.0) == "2 services · 3 instances · last reading 12 s ago"
    assert totals(groups[1:], None) == "1 service · 1 instance · 1 in rotation"


def test_a_check_says_when_and_with_what_result() -> None:
    assert check_words(None, NOW) == "–"
    assert check_words(instance("user-1").last_check, NOW) == "just now, 2.1 ms"
    assert check_words(frozen("user-1").last_check, NOW + 3) == "3 s ago, no reply within 500 ms"
