import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from embedded_services.common.clock import SystemClock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.events import EventQuery, Seen
from embedded_services.control.events import history as module
from embedded_services.control.events.history import STREAMED, History


def seen(seq: int, body: str = "{}") -> Seen:
    return Seen(
        seq=seq, at=1.0, type="a.b", source="a", message_id=f"m{seq}", routing_key="a.b", trace="", size=2, body=body
    )  # fmt: skip


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[History]:
    history = History(folder, SystemClock(), lambda: None)
    await history.open()
    async with Tasks("test") as tasks:
        tasks.spawn(history.run(), "history")
        yield history
        await tasks.close()
    await history.close()


async def test_what_came_this_moment_is_found_and_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as history:
        history.take(seen(history.next_seq))
        history.pass_over(3)
        history.take(seen(history.next_seq))
        page = await history.search(EventQuery())
        assert [event.seq for event in page.items] == [5, 1]
        assert (page.dropped, history.total, history.dropped) == (3, 5, 3)
        assert history.ring.newest_after(0, 10).skipped == 3
    async with opened(tmp_path) as history:
        assert history.next_seq == 6
        assert (await history.search(EventQuery())).total == 2
        assert history.total == 0


async def test_of_a_large_event_the_stream_has_the_beginning_and_the_history_all(tmp_path: Path) -> None:
    large = msgspec.structs.replace(seen(1), body="x" * (STREAMED + 1))
    async with opened(tmp_path) as history:
        history.take(large)
        assert history.ring.newest_after(0, 1).items[0].body == "x" * STREAMED
        assert (await history.search(EventQuery())).items == [large]


async def test_without_a_history_events_are_shown_and_said_to_be_lost(
    tmp_path: Path, expect_log: Callable[[str], None]
) -> None:
    expect_log("cannot be used")
    (tmp_path / "file").write_text("in the way")
    async with opened(tmp_path / "file") as history:
        history.take(seen(1))
        assert (history.ring.last_seq, history.dropped) == (1, 1)
        with pytest.raises(ApiError, match="history of events cannot be used") as error:
            await history.search(EventQuery())
        assert error.value.code == "SERVICE_UNAVAILABLE"


async def test_a_page_of_very_large_events_is_shorter_than_asked(tmp_path: Path) -> None:
    async with opened(tmp_path) as history:
        for seq in range(1, 8):
            history.take(seen(seq, "x" * (module.MAX_PAGE // 4)))
        page = await history.search(EventQuery())
        assert (len(page.items), page.total) == (4, 7)


async def test_searches_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as history:
        for round_ in range(1, 21):
            history.take(seen(round_))
            pages = await asyncio.gather(*(history.search(EventQuery()) for _ in range(3)))
            assert {page.total for page in pages} == {round_}


def test_the_control_plane_starts_without_loading_the_database_library() -> None:
    looked = "import sys, embedded_services.control.bootstrap; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", looked], check=False).returncode == 0
