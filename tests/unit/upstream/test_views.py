from embedded_services.contracts.settings import CallPolicy
from embedded_services.upstream.views import Viewer, view
from tests.helpers.service_rig import BREAKER, OUTLIERS, Rig


def test_a_view_shows_who_gets_what_and_why_not() -> None:
    rig = Rig("a", "b", policy=CallPolicy(breaker=BREAKER, outliers=OUTLIERS))
    viewer = Viewer(rig.service)
    assert viewer.changed(rig.now) is not None
    assert viewer.changed(rig.now) is None
    rig.clock.pass_time(0.25)
    for _ in range(10):
        rig.call(rig.pick(), failed=False)
    row = viewer.changed(rig.now)
    assert row is not None
    assert [(t.picks, t.share, t.expected, t.eligible) for t in row.targets] == [(5, 0.5, 0.5, True)] * 2
    assert row.fairness == 1.0
    rig.fail(rig.targets[0], 2)
    row = view(rig.service, rig.now)
    assert [(t.eligible, t.why, t.ejections) for t in row.targets] == [
        (False, "ejected: 2 failures in a row", 1),
        (True, "", 0),
    ]
    assert row.targets[0].ejected_until == rig.clock.now() + 10
    assert row.targets[0].breaker.failed == 2
    rig.clock.pass_time(30)
    assert viewer.changed(rig.now) is not None
    rig.clock.pass_time(30)
    viewer.changed(rig.now)
    rig.clock.pass_time(30)
    assert viewer.changed(rig.now) is None
