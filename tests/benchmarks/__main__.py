"""`python3 -m tests.benchmarks NAME [--json F]`: measures one part of Faultdeck, against peers in the same run.

Nothing here is a test: a noisy machine makes a figure worse, never a build red. Every figure is a median of several
runs, and where there is a peer the runs alternate, so that both meet the same noise.
"""

import sys

NAMES = ("system", "window", "gateway", "events", "broker", "sagas", "traffic", "faults")


def main() -> int:
    from embedded_services.setup.ensure import ensure

    ensure("benchmarks", "tests.benchmarks", sys.argv[1:])

    import argparse
    import asyncio
    import importlib
    import json
    import signal
    from pathlib import Path
    from typing import Any

    parser = argparse.ArgumentParser(prog="tests.benchmarks")
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--json", type=Path, metavar="F", help="write the figures there too")
    parser.add_argument(
        "--quick", action="store_true", help="fewer runs: to see that it works, not to publish"
    )
    parser.add_argument("--install-system", action="store_true", help="install missing system packages first")
    given = parser.parse_args()
    benchmark = importlib.import_module(f"tests.benchmarks.{given.name}")

    async def measure() -> Any:
        # As Ctrl-C does: what was started is ended.
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await benchmark.measure(quick=given.quick)

    try:
        figures = asyncio.run(measure())
    except (asyncio.CancelledError, KeyboardInterrupt):
        return 130
    for figure in figures:
        print(figure.line())
    if given.json is not None:
        given.json.write_text(json.dumps([figure.as_dict() for figure in figures], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
