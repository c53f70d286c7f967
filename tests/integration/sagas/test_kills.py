"""An orchestrator that is killed at any moment loses no saga that it has told of, and no step has a second effect that its
key would not give away."""

import asyncio
import sys
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from random import Random

from embedded_services.common.clock import SystemClock
from embedded_services.common.platform import die_with_parent
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.sagas import SagaState
from embedded_services.sagas.journal import Journal
from embedded_services.sagas.orchestrator import Orchestrator
from tests.helpers.saga_process import DEFINITION, STEPS, Effects

ROOT = Path(__file__).resolve().parents[3]
KILLS = 4


async def killed(journal: Path, effects: Path, after_s: float) -> list[str]:
    """The sagas that it told of until then."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.helpers.saga_process", str(journal), str(effects),
        stdout=asyncio.subprocess.PIPE, cwd=ROOT, preexec_fn=die_with_parent,
    )  # fmt: skip
    assert process.stdout is not None
    told = [(await process.stdout.readline()).decode()]
    await asyncio.sleep(after_s)
    process.kill()
    told += (await process.stdout.read()).decode().splitlines(keepends=True)
    await process.wait()
    return [line.strip() for line in told if line.endswith("\n")]


async def test_every_saga_that_was_told_of_ends_truly(tmp_path: Path) -> None:
    random = Random(9)
    journal, effects = tmp_path / "sagas.db", tmp_path / "effects"
    told: list[str] = []
    for _ in range(KILLS):
        told += await killed(journal, effects, random.uniform(0.0, 0.3))
    assert len(told) > KILLS
    with closing(Journal(journal)) as book:
        async with Tasks("test") as tasks:
            orchestrator = Orchestrator(
                {DEFINITION.name: DEFINITION}, book, Effects(effects), SystemClock(), tasks
            )
            assert await orchestrator.recover() > 0
            runs = [await orchestrator.wait(id_, 20) for id_ in told]
    happened: dict[str, list[str]] = defaultdict(list)
    for line in effects.read_text().splitlines():
        saga, _, key = line.partition(":")
        happened[saga].append(key)
    for run in runs:
        keys = happened[run.id]
        if run.data["number"] % 3:
            assert run.state is SagaState.COMPLETED
            assert list(dict.fromkeys(keys)) == [f"step-{n}:do" for n in range(STEPS)], "in order"
        else:
            assert run.state is SagaState.COMPENSATED
            undone = [f"step-{n}:undo" for n in reversed(range(STEPS - 1))]
            # The last step is undone too where the call that refused it was not the first.
            assert list(dict.fromkeys(keys))[-len(undone) :] == undone
