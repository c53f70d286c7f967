from collections.abc import Callable

from app.core.listeners import Listeners


def test_each_hears_what_is_told_until_it_leaves() -> None:
    listeners: Listeners[int] = Listeners()
    first: list[int] = []
    second: list[int] = []
    leave = listeners.join(first.append)
    listeners.join(second.append)
    listeners.tell(1)
    leave()
    leave()
    listeners.tell(2)
    assert (first, second) == ([1], [1, 2])


def test_one_that_fails_takes_nothing_from_the_others(expect_log: Callable[[str], None]) -> None:
    def fails(_: int) -> None:
        raise KeyError("a bug")

    expect_log("fails failed")
    listeners: Listeners[int] = Listeners()
    heard: list[int] = []
    listeners.join(fails)
    listeners.join(heard.append)
    listeners.tell(1)
    assert heard == [1]
