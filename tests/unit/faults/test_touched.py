from hypothesis import given
from hypothesis import strategies as st

from embedded_services.faults import touched
from embedded_services.faults.touched import FIELD, MOST, Touches

ids = st.text(alphabet="abcdefghijklmnop0123456789_", min_size=1, max_size=14).map(lambda tail: f"f_{tail}")


@given(st.dictionaries(ids, st.tuples(st.floats(0, 3600), st.booleans()), max_size=MOST))
def test_what_one_process_tells_another_hears(met: dict[str, tuple[float, bool]]) -> None:
    told, heard = Touches(), Touches()
    for fault, (added_s, ruined) in met.items():
        told.add(fault, added_s, ruined=ruined)
    heard.hear([(FIELD, told.tell().encode())])
    assert heard.faults.keys() == told.faults.keys()
    assert heard.ruined == told.ruined
    assert all(abs(heard.faults[fault] - told.faults[fault]) < 0.001 for fault in met)


@given(st.binary(max_size=200))
def test_what_cannot_be_read_is_passed_over(value: bytes) -> None:
    heard = Touches()
    heard.hear([(b"x-faultdeck-FAULTS", value)])
    assert len(heard.faults) <= MOST


def test_other_fields_say_nothing() -> None:
    heard = Touches()
    heard.hear([(b"Content-Type", b"f_a=1"), (b"X-Faultdeck", b"f_b=1")])
    assert heard.faults == {}


def test_what_is_told_is_bounded() -> None:
    told = Touches()
    for number in range(100):
        told.add(f"f_{number}")
    assert len(told.tell().split(",")) == MOST


def test_times_of_the_same_fault_add_up() -> None:
    told = Touches()
    told.add("f_a", 0.25)
    told.add("f_a", 0.5, ruined=True)
    assert told.tell() == "f_a=750.0!"


def test_a_wait_is_put_down_to_what_was_met_last() -> None:
    told = Touches()
    told.waited(5.0)
    told.add("f_a", 1.0)
    told.add("f_b", 1.0)
    told.waited(0.5)
    assert told.faults == {"f_a": 1.0, "f_b": 1.5}


def test_the_request_being_answered_is_known_in_its_context() -> None:
    assert touched.current() is None
    begun = touched.begin("r1", f"00-{'a' * 32}-{'b' * 16}-01")
    assert touched.current() is begun
    assert (begun.request_id, begun.trace_id) == ("r1", "a" * 32)
    touched.end()
    assert touched.current() is None
