"""Sagas: what the orchestrator itself costs, against DBOS on SQLite in one run, taking turns; then orders over HTTP to the
running services, what a crash costs, what a saga takes on disk, and how soon a list of very many answers.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final

import aiohttp
import platformdirs

from embedded_services.agent.child import collect_seldom
from embedded_services.common import platform
from embedded_services.common.clock import SystemClock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.sagas import SagaState
from embedded_services.sagas.definition import Call, Definition, HttpCall, Step
from embedded_services.sagas.journal import Journal, Shelf, Wanted
from embedded_services.sagas.orchestrator import Orchestrator, origin_of
from embedded_services.sagas.participants import Answer, Done
from tests.benchmarks.figures import Figure, Missing, ratios
from tests.benchmarks.offered import percentile
from tests.benchmarks.processes import output_of
from tests.benchmarks.rounds import interleaved
from tests.helpers.system import RunningSystem, running_system

CONCURRENCY: Final = (1, 8, 64)
NOTHING: Final = Call("nobody", lambda _: HttpCall("POST", "/"), adds=lambda _: {})
FIVE: Final = Definition("five", [Step(f"step-{n}", NOTHING, NOTHING) for n in range(5)])
DBOS: Final = Path(__file__).parent / "peers" / "dbos"
ORDER: Final = {
    "items": [
        {"productId": "prod1", "quantity": 2, "price": 29.99},
        {"productId": "prod2", "quantity": 1, "price": 59.99},
    ]
}


@dataclass(frozen=True)
class Pace:
    rounds: int
    ours: int
    theirs: int
    orders_s: float
    stored: int
    unfinished: int


FULL: Final = Pace(rounds=5, ours=1_500, theirs=100, orders_s=10.0, stored=100_000, unfinished=10_000)
QUICK: Final = Pace(rounds=1, ours=500, theirs=40, orders_s=4.0, stored=20_000, unfinished=2_000)


class Nobody:
    """Answers at once."""

    async def call(self, *_: object) -> Answer:
        return Done({}, "nobody-1")


class Silence:
    """Never answers."""

    async def call(self, *_: object) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError


async def measure(*, quick: bool) -> list[Figure | Missing]:
    pace = QUICK if quick else FULL
    figures: list[Figure | Missing] = [*await compared(pace)]
    with tempfile.TemporaryDirectory() as folder:
        figures += await recovered(Path(folder), pace)
    with tempfile.TemporaryDirectory() as folder:
        figures += listed(Path(folder), pace)
    with tempfile.TemporaryDirectory() as folder:
        figures += await ordered(Path(folder) / "shop", pace)
    return figures


# --- nothing but durable steps ---


async def compared(pace: Pace) -> list[Figure | Missing]:
    python = await asyncio.to_thread(_dbos)
    figures: list[Figure | Missing] = []
    for concurrency in CONCURRENCY:
        if python is None:
            ours = [await _ours(pace.ours, concurrency) for _ in range(pace.rounds)]
            figures.append(Figure(f"five no-op steps, {concurrency} at a time", "/s", ours))
            continue
        both = (partial(_ours, pace.ours, concurrency), partial(_theirs, python, pace.theirs, concurrency))
        ours, theirs = await interleaved(both, pace.rounds, lambda run: run())
        figures += [
            Figure(f"five no-op steps, {concurrency} at a time", "/s", ours),
            Figure(f"  DBOS on SQLite, {concurrency} at a time", "/s", theirs),
            Figure("  ratio", "×", ratios(ours, theirs), "≥ 10"),
        ]
    if python is None:
        figures.append(Missing("DBOS", f"pip cannot install {DBOS / 'requirements.txt'}"))
    return figures


async def _ours(count: int, concurrency: int) -> float:
    """On the loop that the orchestrator's process has, with its garbage collection."""
    collect_seldom()
    return await asyncio.to_thread(platform.run, _orchestrated(count, concurrency))


async def _orchestrated(count: int, concurrency: int) -> float:
    with tempfile.TemporaryDirectory() as folder, closing(Journal(Path(folder) / "sagas.db")) as journal:
        async with Tasks("benchmark") as tasks:
            orchestrator = Orchestrator({"five": FIVE}, journal, Nobody(), SystemClock(), tasks)
            left = iter(range(count))

            async def work() -> None:
                for number in left:
                    run = await orchestrator.start("five", {"number": number}, origin_of(None))
                    await orchestrator.wait(run.id, 60)

            began = time.perf_counter()
            await asyncio.gather(*(work() for _ in range(concurrency)))
            return count / (time.perf_counter() - began)


async def _theirs(python: Path, count: int, concurrency: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "dbos.db"
        out = await output_of(
            str(python), str(DBOS / "five_steps.py"), str(file), str(count), str(concurrency)
        )
    return float(out.split()[-1])


def _dbos() -> Path | None:
    """An interpreter that has it: in the user's cache, where it is put the first time. Its packages are others than ours."""
    wanted = DBOS / "requirements.txt"
    digest = sha256(wanted.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = platformdirs.user_cache_path("faultdeck") / "tests" / f"dbos-{digest}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (folder / "complete").exists():
        venv.create(folder, with_pip=True, clear=True)
        done = subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--requirement", wanted],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            return None
        (folder / "complete").touch()
    return python


# --- after a crash ---


async def recovered(folder: Path, pace: Pace) -> list[Figure]:
    """Sagas that were under way when their orchestrator was killed: the process that has begun them is, by the kernel."""
    file = folder / "sagas.db"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, str(file), str(pace.unfinished),
        stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert process.stdout is not None
    assert await process.stdout.readline() == b"begun\n"
    process.kill()
    await process.wait()
    began = time.perf_counter()
    with closing(Journal(file)) as journal:
        async with Tasks("benchmark") as tasks:
            ended = asyncio.Event()
            orchestrator = Orchestrator({"five": FIVE}, journal, Nobody(), SystemClock(), tasks)
            orchestrator.changed = lambda _: None if orchestrator.unfinished else ended.set()
            count = await orchestrator.recover()
            resumed = time.perf_counter() - began
            await ended.wait()
            took = time.perf_counter() - began
        assert count == pace.unfinished
        assert Shelf(file).counts() == {SagaState.COMPLETED.value: count}
    size = sum(path.stat().st_size for path in folder.iterdir())
    return [
        Figure(
            f"{count:,} sagas after kill -9: all go on after",
            "s",
            [resumed],
            notes={"ended after": f"{took:.2f} s"},
        ),
        Figure("  and end at", "/s", [count / took]),
        Figure("journal, a saga of five no-op steps", "bytes", [size / count]),
    ]


async def begin(file: Path, count: int) -> None:
    """Begin that many and wait to be killed."""
    async with Tasks("benchmark") as tasks:
        orchestrator = Orchestrator({"five": FIVE}, Journal(file), Silence(), SystemClock(), tasks)
        for number in range(0, count, 500):
            await asyncio.gather(
                *(
                    orchestrator.start("five", {"number": each}, origin_of(None))
                    for each in range(number, min(count, number + 500))
                )
            )
        print("begun", flush=True)
        await asyncio.Event().wait()


# --- very many ---


def listed(folder: Path, pace: Pace) -> list[Figure]:
    file = folder / "sagas.db"
    with closing(Journal(file)) as journal:
        _fill(journal, pace.stored)
    with closing(Shelf(file)) as shelf:
        asked: Mapping[str, Wanted] = {
            "the newest": Wanted(),
            "one state": Wanted(state=SagaState.COMPENSATED),
            "a state that none is in": Wanted(state=SagaState.RUNNING),
            "a text that one has": Wanted(text="usr_needle"),
            "a text that all have": Wanted(text="prod1"),
            "a text that none has": Wanted(text="nowhere", state=SagaState.COMPLETED),
            "far down": Wanted(before=pace.stored // 2),
            "a time": Wanted(since=1_000.0, until=1_100.0),
        }
        return [
            Figure(
                f"list of {pace.stored:,} sagas: {name}",
                "ms",
                [_timed(partial(shelf.page, wanted, 50)) for _ in range(7)],
                "≤ 100",
            )
            for name, wanted in asked.items()
        ] + [Figure("  counted by state", "ms", [_timed(shelf.counts) for _ in range(7)])]


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def _fill(journal: Journal, count: int) -> None:
    from random import Random

    from embedded_services.contracts.sagas import StepState
    from embedded_services.sagas.journal import Stored
    from embedded_services.sagas.order_processing import ORDER_PROCESSING
    from embedded_services.sagas.run import Origin, Run, StepRun, new_run
    from embedded_services.sagas.signals import Noted

    random = Random(1)
    for number in range(count):
        person = "usr_needle" if number == 37 else f"usr_{random.randbytes(6).hex()}"
        data = {"userId": person, "orderId": f"ord_{random.randbytes(6).hex()}", **ORDER}
        run = new_run(
            ORDER_PROCESSING,
            f"saga_{random.randbytes(6).hex()}",
            Origin(random.randbytes(16).hex()),
            data,
            number,
        )
        state = SagaState.COMPENSATED if number % 7 == 0 else SagaState.COMPLETED
        steps = tuple(
            StepRun(
                state=StepState.COMPLETED,
                attempts=1,
                started_at=1.0,
                ended_at=2.0,
                instance="order-1",
                output={"reservations": [{"productId": "prod1", "quantity": 2, "reservationId": "x" * 20}]},
            )
            for _ in run.steps
        )
        done = Run(
            **{name: getattr(run, name) for name in run.__struct_fields__ if name not in ("state", "steps")},
            state=state,
            steps=steps,
        )
        journal.put(Stored(journal.next_seq(), done, 0, number + 1.0), [Noted("started"), Noted("completed")])
        if number % 2_000 == 0:
            journal.commit()
    journal.commit()


# --- orders ---


async def ordered(workspace: Path, pace: Pace) -> list[Figure]:
    async with running_system(workspace) as system, _client(system) as client:
        figures = []
        for shoppers in (16, 64):
            rates = [await _closed(client, shoppers, pace.orders_s) for _ in range(pace.rounds)]
            figures.append(Figure(f"order sagas over HTTP, {shoppers} at a time", "/s", rates, "≥ 100"))
        took = sorted(await _open(client, 20, pace.orders_s * 2))
        figures += [
            Figure("order sagas at 20/s: p50", "ms", [percentile(took, 0.5) * 1000]),
            Figure("  p99", "ms", [percentile(took, 0.99) * 1000], notes={"orders": len(took)}),
        ]
        file = workspace / "data" / "sagas.db"
        with closing(Shelf(file)) as shelf:
            count = sum(shelf.counts().values())
        size = sum(path.stat().st_size for path in file.parent.glob("sagas.db*"))
        return [*figures, Figure("journal, an order's saga", "bytes", [size / count], notes={"sagas": count})]


@asynccontextmanager
async def _client(system: RunningSystem) -> AsyncIterator[aiohttp.ClientSession]:
    await system.control.patch_settings({"limits": {"limit": 1_000_000_000}})
    token = await system.login()
    connector = aiohttp.TCPConnector(limit=256)
    async with aiohttp.ClientSession(system.ready.gateway, headers=token, connector=connector) as client:
        yield client


async def _order(client: aiohttp.ClientSession) -> float:
    began = time.perf_counter()
    async with client.post("/api/orders?wait=30", json=ORDER) as response:
        assert response.status == 201, await response.text()
        await response.read()
    return time.perf_counter() - began


async def _closed(client: aiohttp.ClientSession, shoppers: int, seconds: float) -> float:
    until = time.perf_counter() + seconds

    async def shop() -> int:
        count = 0
        while time.perf_counter() < until:
            await _order(client)
            count += 1
        return count

    began = time.perf_counter()
    done = sum(await asyncio.gather(*(shop() for _ in range(shoppers))))
    return done / (time.perf_counter() - began)


async def _open(client: aiohttp.ClientSession, rate: int, seconds: float) -> list[float]:
    async with asyncio.TaskGroup() as group:
        tasks = []
        for _ in range(int(rate * seconds)):
            tasks.append(group.create_task(_order(client)))
            await asyncio.sleep(1 / rate)
    return [task.result() for task in tasks]


if __name__ == "__main__":
    asyncio.run(begin(Path(sys.argv[1]), int(sys.argv[2])))
