"""The history of events at a million of them: what it costs to write, and how soon a text filter answers.

Bodies are as the services write them, some 370 bytes, with random ids in them.
"""

import random
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import median

import msgspec

from embedded_services.contracts.events import EventQuery, Seen
from embedded_services.control.events.store import EventStore
from tests.benchmarks.figures import Figure

BATCH = 250
"""What a quarter of a second brings at 1,000 events a second."""
MEASURED = 50_000
FILL = 20_000
TYPES = ("order.created", "order.confirmed", "payment.succeeded", "user.registered", "inventory.updated")
QUERIES = {
    "a text that one event has": "NEEDLE",
    "a text that each hundredth has": "prod_37",
    "a text that all have, near the end": "version",
    "a text whose parts all have, and which none has": '"version":"1.0","data',
    "two letters": "ZZ",
    "a type": "order.*",
}


async def measure(*, quick: bool) -> list[Figure]:
    count = 100_000 if quick else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        store = EventStore(Path(folder))
        events = made(count)
        batches = [list(islice(events, BATCH)) for _ in range(MEASURED // BATCH)]
        began, cpu = time.perf_counter(), time.process_time()
        for batch in batches:
            store.append(batch)
        took, burnt = time.perf_counter() - began, time.process_time() - cpu
        while batch := list(islice(events, FILL)):
            store.append(batch)
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
        figures = [
            Figure(
                "history: to write an event",
                "µs",
                [took / MEASURED * 1e6],
                notes={"CPU": f"{burnt / MEASURED * 1e6:.0f} µs"},
            ),
            Figure("history: on disk, an event", "bytes", [size / count]),
        ]
        for name, text in QUERIES.items():
            figures.append(asked(store, name, text, runs=3 if quick else 7))
        store.close()
        began = time.perf_counter()
        EventStore(Path(folder)).close()
        figures.append(Figure("history: to open", "ms", [(time.perf_counter() - began) * 1000]))
    return figures


def asked(store: EventStore, name: str, text: str, runs: int) -> Figure:
    query = EventQuery(type=text) if name == "a type" else EventQuery(q=text)
    took, burnt = [], []
    total = 0
    for _ in range(runs):
        store.forget_answers()
        began, cpu = time.perf_counter(), time.process_time()
        total = store.search(query).total
        took.append((time.perf_counter() - began) * 1000)
        burnt.append((time.process_time() - cpu) * 1000)
    return Figure(
        f"filter: {name}", "ms", took, "≤ 300", notes={"matches": total, "CPU": f"{median(burnt):.0f} ms"}
    )


def made(count: int) -> Iterator[Seen]:
    dice = random.Random(1)
    for seq in range(1, count + 1):
        type_ = TYPES[seq % len(TYPES)]
        data = {
            "orderId": f"ord_{dice.getrandbits(60):x}",
            "userId": f"usr_{dice.getrandbits(60):x}",
            "items": [
                {
                    "productId": f"prod_{dice.randrange(100)}",
                    "quantity": dice.randrange(9),
                    "price": dice.randrange(9999) / 100,
                }
            ],
            "note": "NEEDLE" if seq == count // 2 else "",
        }
        body = msgspec.json.encode(
            {
                "type": type_, "data": data, "source": type_.split(".")[0], "version": "1.0",
                "timestamp": f"2026-11-23T07:{seq // 60 % 60:02}:{seq % 60:02}.{dice.randrange(10**6):06}Z",
                "messageId": f"msg_{dice.getrandbits(60):x}",
            }
        )  # fmt: skip
        yield Seen(
            seq=seq, at=1_700_000_000 + seq / 1000, type=type_, source=type_.split(".")[0], message_id=f"msg_{seq}",
            routing_key=type_, trace=f"{dice.getrandbits(128):032x}", size=len(body), body=body.decode(),
        )  # fmt: skip
