"""An orchestrator to be killed: `python -m tests.helpers.saga_process JOURNAL EFFECTS` goes on with what it finds, and starts one
saga after the other, of which it tells once they are on disk. Each effect of a step is a line of EFFECTS: its key.
"""

import asyncio
import os
import sys
from pathlib import Path

from embedded_services.common.clock import SystemClock
from embedded_services.common.tasks import Tasks
from embedded_services.sagas.definition import Call, Definition, HttpCall, Step
from embedded_services.sagas.journal import Journal
from embedded_services.sagas.orchestrator import Orchestrator, origin_of
from embedded_services.sagas.participants import Answer, Done, No

STEPS = 4
CALL = Call("any", lambda data: HttpCall("POST", "/", {"number": data["number"]}), adds=lambda _: {})
DEFINITION = Definition("killed", [Step(f"step-{n}", CALL, CALL) for n in range(STEPS)])


class Effects:
    """Every third saga is refused its last step."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY)

    async def call(
        self, service: str, call: HttpCall, key: str, traceparent: str, timeout_s: float
    ) -> Answer:
        await asyncio.sleep(0)
        if key.endswith(f"step-{STEPS - 1}:do") and call.body is not None and call.body["number"] % 3 == 0:
            return No("it is the third")
        os.write(self._file, f"{key}\n".encode())
        await asyncio.sleep(0.001)
        return Done({}, "any-1")


async def run(journal: Path, effects: Path) -> None:
    async with Tasks("killed") as tasks:
        orchestrator = Orchestrator(
            {DEFINITION.name: DEFINITION}, Journal(journal), Effects(effects), SystemClock(), tasks
        )
        await orchestrator.recover()
        for number in range(1_000_000):
            started = await orchestrator.start(DEFINITION.name, {"number": number}, origin_of(None))
            sys.stdout.write(f"{started.id}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), Path(sys.argv[2])))
