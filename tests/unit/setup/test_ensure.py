import pytest

from embedded_services.setup.ensure import interpreter_options, is_too_old


@pytest.mark.parametrize(
    ("version", "too_old"),
    [
        ((2, 7, 18), True),
        ((3, 8), True),
        ((3, 10, 13), True),
        ((3, 11, 0), False),
        ((3, 14, 1), False),
        ((4, 0), False),
    ],
)
def test_python_before_3_11_is_too_old(version: tuple[int, ...], too_old: bool) -> None:
    assert is_too_old(version) is too_old


@pytest.mark.parametrize(
    ("original", "options"),
    [
        (["python3", "-m", "tests", "-m", "slow"], []),
        (["python3", "-X", "dev", "-W", "error", "-m", "tests"], ["-X", "dev", "-W", "error"]),
        (["python3", "-mtests"], []),
        (["faultdeck"], []),
    ],
)
def test_interpreter_s_options_are_what_stands_before_the_module(
    original: list[str], options: list[str]
) -> None:
    assert interpreter_options(original) == options
