"""What holds for every test: no surprise in the log, no task and no process left running, the same examples each time.

Hypothesis draws its examples from the test's name alone, so a run repeats exactly; `--hypothesis-profile=search`
looks further.
"""

import gc
import inspect
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.helpers.leaks import leaked_processes, leaked_tasks
from tests.helpers.log_guard import LogGuard

settings.register_profile(
    "ci",
    derandomize=True,
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],  # the machine's noise is not the test's fault
)
settings.register_profile("search", max_examples=2000, deadline=None)
settings.load_profile("ci")


@pytest.fixture(autouse=True)
def log_guard() -> Iterator[LogGuard]:
    with LogGuard() as guard:
        yield guard
    if complaint := guard.complaint():
        pytest.fail(complaint, pytrace=False)


@pytest.fixture
def expect_log(log_guard: LogGuard) -> Callable[[str], None]:
    """`expect_log("regex")`: our code must log a matching warning or error in this test."""
    return log_guard.expect


@pytest.fixture
def allow_log(log_guard: LogGuard) -> Callable[[str], None]:
    """`allow_log("regex")`: our code may log a matching warning or error in this test."""
    return log_guard.allow


@pytest.fixture
async def task_guard() -> AsyncIterator[None]:
    yield
    if leaked := await leaked_tasks():
        pytest.fail("tasks left running:\n" + "\n".join(leaked), pytrace=False)


@pytest.fixture(autouse=True)
def every_test(request: pytest.FixtureRequest) -> None:
    """Sets up the guard of tasks before an asynchronous test's own fixtures, so that it looks after they are gone."""
    if inspect.iscoroutinefunction(getattr(request.node, "obj", None)):
        request.getfixturevalue("task_guard")


@pytest.fixture(autouse=True, scope="module")
def only_what_is_new_is_collected() -> None:
    """What is there when a module's tests begin (among it thousands of collected tests) stays for long. Looked through for
    garbage after each test of the window, it would take most of their time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def session_guard() -> Iterator[None]:
    yield
    if leaked := leaked_processes():
        pytest.fail("processes left running:\n" + "\n".join(leaked), pytrace=False)
