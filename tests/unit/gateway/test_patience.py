from hypothesis import given
from hypothesis import strategies as st

from embedded_services.contracts.settings import GatewaySettings
from embedded_services.gateway.patience import Patience, Seen, Stage, round_s

SETTINGS = GatewaySettings(keep_alive_s=5.0, header_timeout_s=2.0, body_idle_s=0.5, send_idle_s=3.0)
ALLOWED = {Stage.IDLE: 5.0, Stage.HEAD: 2.0, Stage.BODY: 0.5, Stage.SENDING: 3.0, Stage.SERVED: float("inf")}

seen = st.tuples(st.sampled_from(Stage), st.integers(0, 2))


@given(st.lists(st.tuples(seen, st.floats(0.01, 3.0)), max_size=40))
def test_overdue_is_who_was_seen_the_same_for_as_long_as_its_stage_allows(
    rounds: list[tuple[Seen, float]],
) -> None:
    patience = Patience[str]()
    now, since, before = 0.0, 0.0, None
    for state, later in rounds:
        now += later
        if state != before:
            since, before = now, state
        expected = [("client", state[0])] if now - since >= ALLOWED[state[0]] and now != since else []
        assert patience.overdue([("client", state)], SETTINGS, now) == expected
        if expected:
            before = None


def test_who_is_gone_is_forgotten_and_others_do_not_matter() -> None:
    patience = Patience[str]()
    idle = (Stage.IDLE, 0)
    assert patience.overdue([("a", idle), ("b", idle)], SETTINGS, 0.0) == []
    assert patience.overdue([("b", idle)], SETTINGS, 4.0) == []
    assert patience.overdue([("a", idle), ("b", idle)], SETTINGS, 5.0) == [("b", Stage.IDLE)]


def test_the_shortest_limit_is_kept_within_a_quarter_and_a_second() -> None:
    assert round_s(GatewaySettings()) == 1.0
    assert round_s(SETTINGS) == 0.125
    assert round_s(GatewaySettings(send_idle_s=0.01)) == 0.02
