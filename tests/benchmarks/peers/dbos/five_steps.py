"""Workflows of five steps that do nothing, on DBOS with SQLite: `five_steps.py FILE COUNT CONCURRENCY`, in an environment of
its own. Prints workflows a second.
"""

import asyncio
import sys
import time

from dbos import DBOS, DBOSConfig


@DBOS.step()  # type: ignore[untyped-decorator] # it is not installed where this is checked
async def nothing(number: int) -> int:
    return number


@DBOS.workflow()  # type: ignore[untyped-decorator] # as above
async def five(number: int) -> int:
    for step in range(5):
        number += await nothing(step)
    return number


async def run(count: int, concurrency: int) -> float:
    left = iter(range(count))

    async def work() -> None:
        for number in left:
            await five(number)

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    return count / (time.perf_counter() - began)


def main() -> None:
    file, count, concurrency = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    config: DBOSConfig = {
        "name": "five-steps",
        "system_database_url": f"sqlite:///{file}",
        "run_admin_server": False,
        "log_level": "ERROR",
    }
    DBOS(config=config)
    DBOS.launch()

    async def measured() -> float:
        await run(10, 1)
        return await run(count, concurrency)

    print(asyncio.run(measured()))
    DBOS.destroy()


if __name__ == "__main__":
    main()
