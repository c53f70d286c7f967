import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.control.ports import HIGHEST, LOWEST, next_free, preferred

port_numbers = st.integers(LOWEST, HIGHEST)


def test_instances_of_a_service_are_ten_ports_apart() -> None:
    assert [preferred(3001, number) for number in (1, 2, 3)] == [3001, 3011, 3021]


@given(port_numbers, st.sets(port_numbers))
def test_wanted_port_is_taken_if_it_is_free_also_when_another_prefers_it(
    wanted: int, reserved: set[int]
) -> None:
    assert next_free(wanted, {*reserved, wanted}, lambda _: True) == wanted


@given(st.integers(3000, 3020), st.sets(st.integers(3000, 3020)), st.sets(st.integers(3000, 3020)))
def test_else_it_is_the_next_free_one_that_nobody_prefers(
    wanted: int, taken: set[int], reserved: set[int]
) -> None:
    found = next_free(wanted, reserved, lambda port: port not in taken)
    expected = next(
        port for port in range(wanted, 4000) if port not in taken and (port == wanted or port not in reserved)
    )
    assert found == expected


def test_after_the_highest_comes_the_lowest() -> None:
    assert next_free(65530, [], lambda port: port < 65530) == LOWEST


def test_no_free_port_at_all_is_an_error() -> None:
    with pytest.raises(OSError, match="no free port"):
        next_free(3000, [], lambda _: False)
