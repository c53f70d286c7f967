"""The embedded broker against Debian's RabbitMQ in one run, taking turns: durable queues, persistent messages of 512 bytes,
through aio-pika; then what only the embedded one promises: a start in no time, and a million messages in bounded memory.
"""

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Final

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue
from pamqp import commands, frame
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from tests.benchmarks.figures import Figure, Missing, ratios
from tests.benchmarks.processes import pss
from tests.benchmarks.rounds import interleaved
from tests.helpers.amqp_wire import PERSISTENT, Wire
from tests.helpers.broker_node import BrokerNode, EmbeddedNode
from tests.helpers.rabbitmq import SERVER, RabbitNode

SIZE: Final = 512
IN_FLIGHT: Final = 200
PREFETCH: Final = 200
QUEUE: Final = "benchmark"
START_MOST_S: Final = 0.3
BLOCK: Final = 500


@dataclass(frozen=True)
class Pace:
    """How much is done in a round of each."""

    rounds: int
    sequential: int
    many: int
    latency_s: float
    backlog: int
    most_s: float
    """What a kind of measurement may take in all. Something is wrong when it takes longer, and then it ends."""


FULL: Final = Pace(rounds=7, sequential=1_500, many=8_000, latency_s=4.0, backlog=1_000_000, most_s=180.0)
QUICK: Final = Pace(rounds=2, sequential=300, many=2_000, latency_s=1.0, backlog=50_000, most_s=45.0)
PER_S: Final = 300
"""The rate at which latency is measured: far below what either can do."""


@dataclass(frozen=True)
class Subject:
    node: BrokerNode
    channel: AbstractChannel
    queue: AbstractQueue


async def measure(*, quick: bool) -> list[Figure | Missing]:
    pace = QUICK if quick else FULL
    figures: list[Figure | Missing] = []
    with ExitStack() as folders:
        nodes: list[BrokerNode] = [EmbeddedNode(_folder(folders))]
        if SERVER.exists() and shutil.which("epmd"):
            rabbit = RabbitNode(_folder(folders))
            folders.callback(rabbit.end)
            nodes.append(rabbit)
        else:
            figures.append(Missing("RabbitMQ", "run: sudo RUNLEVEL=1 apt-get install -y rabbitmq-server"))
        folders.callback(nodes[0].stop)
        figures += _starts(nodes, 3 if quick else 7)
        figures += await _compared(nodes, pace)
    with ExitStack() as folders:
        node = EmbeddedNode(_folder(folders))
        folders.callback(node.stop)
        figures += await asyncio.to_thread(_backlog, node, pace.backlog)
    return figures


def _folder(stack: ExitStack) -> Path:
    return Path(stack.enter_context(tempfile.TemporaryDirectory()))


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def _starts(nodes: Sequence[BrokerNode], times: int) -> list[Figure]:
    """From nothing to an answer in AMQP; all run afterwards."""
    figures = []
    for node in nodes:
        _say(f"start of {node.name}")
        took = []
        for turn in range(times if node.name == "embedded" else 1):
            if turn:
                node.stop()
            began = time.perf_counter()
            node.start()
            took.append(time.perf_counter() - began)
        bar = f"≤ {START_MOST_S}" if node.name == "embedded" else ""
        figures.append(Figure(f"{node.name}: start to the first AMQP answer", "s", took, bar))
    return figures


async def _compared(nodes: Sequence[BrokerNode], pace: Pace) -> list[Figure]:
    figures = []
    async with AsyncExitStack() as stack:
        subjects = [await _subject(node, stack) for node in nodes]
        measures: list[tuple[str, Callable[[Subject], Awaitable[float]]]] = [
            ("sequential confirmed publishes", lambda one: _sequential(one, pace.sequential)),
            (f"confirmed publishes, {IN_FLIGHT} in flight", lambda one: _pipelined(one, pace.many)),
            ("consume and ack", lambda one: _consume(one, pace.many)),
        ]
        for name, measured in measures:
            _say(name)
            async with asyncio.timeout(pace.most_s):
                readings = await interleaved(subjects, pace.rounds, measured)
            figures += _rates(subjects, name, readings)
        _say("latency")
        async with asyncio.timeout(pace.most_s):
            both = await interleaved(subjects, pace.rounds, lambda one: _latency(one, pace.latency_s))
        for place, what in ((0, "p50"), (1, "p99")):
            name = f"end-to-end latency, {PER_S}/s, {what}"
            figures += _less(subjects, name, "ms", [[reading[place] for reading in one] for one in both])
        memory = [[pss(subject.node.pid) / 2**20] for subject in subjects]
        figures += _less(subjects, "memory after all this", "MB", memory)
    return figures


async def _subject(node: BrokerNode, stack: AsyncExitStack) -> Subject:
    connection = await stack.enter_async_context(await aio_pika.connect(node.url))
    channel = await connection.channel()
    await channel.set_qos(PREFETCH)
    return Subject(node, channel, await channel.declare_queue(QUEUE, durable=True))


def _rates(subjects: Sequence[Subject], name: str, readings: list[list[float]]) -> list[Figure]:
    figures = [
        Figure(f"{one.node.name}: {name}", "/s", took) for one, took in zip(subjects, readings, strict=True)
    ]
    if len(subjects) == 2:
        figures.append(Figure(f"embedded ÷ rabbitmq: {name}", "×", ratios(*readings), "≥ 1"))
    return figures


def _less(subjects: Sequence[Subject], name: str, unit: str, readings: list[list[float]]) -> list[Figure]:
    """Where less is better the ratio is turned round, so that its bar is the same."""
    figures = [
        Figure(f"{one.node.name}: {name}", unit, took) for one, took in zip(subjects, readings, strict=True)
    ]
    if len(subjects) == 2:
        figures.append(Figure(f"rabbitmq ÷ embedded: {name}", "×", ratios(readings[1], readings[0]), "≥ 1"))
    return figures


def _message(body: bytes = bytes(SIZE)) -> aio_pika.Message:
    return aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)


async def _sequential(subject: Subject, count: int) -> float:
    publish, message = subject.channel.default_exchange.publish, _message()
    began = time.perf_counter()
    for _ in range(count):
        await publish(message, QUEUE)
    took = time.perf_counter() - began
    await subject.queue.purge()
    return count / took


async def _fill(subject: Subject, count: int) -> None:
    publish, message = subject.channel.default_exchange.publish, _message()
    left = iter(range(count))

    async def some() -> None:
        for _ in left:
            await publish(message, QUEUE)

    await asyncio.gather(*(some() for _ in range(IN_FLIGHT)))


async def _pipelined(subject: Subject, count: int) -> float:
    began = time.perf_counter()
    await _fill(subject, count)
    took = time.perf_counter() - began
    await subject.queue.purge()
    return count / took


async def _consume(subject: Subject, count: int) -> float:
    await _fill(subject, count)
    done, left = asyncio.Event(), count

    async def take(message: AbstractIncomingMessage) -> None:
        nonlocal left
        await message.ack()
        left -= 1
        if not left:
            done.set()

    began = time.perf_counter()
    tag = await subject.queue.consume(take)
    await done.wait()
    took = time.perf_counter() - began
    await subject.queue.cancel(tag)
    return count / took


async def _latency(subject: Subject, seconds: float) -> tuple[float, float]:
    """Milliseconds from before the publish until the message is there: the median, and p99."""
    took: list[float] = []
    count, done = int(seconds * PER_S), asyncio.Event()

    async def take(message: AbstractIncomingMessage) -> None:
        took.append(time.perf_counter() - float(message.body[:32]))
        await message.ack()
        if len(took) == count:
            done.set()

    tag = await subject.queue.consume(take)
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            await asyncio.sleep(max(0.0, began + number / PER_S - time.perf_counter()))
            body = f"{time.perf_counter():<32.9f}".encode().ljust(SIZE, b".")
            group.create_task(subject.channel.default_exchange.publish(_message(body), QUEUE))
    await done.wait()
    await subject.queue.cancel(tag)
    cuts = quantiles(took, n=100)
    return cuts[49] * 1000, cuts[98] * 1000


def _backlog(node: EmbeddedNode, count: int) -> list[Figure]:
    """As many as they are, written and read by a client that costs nearly nothing, and waits for no answer for long."""
    node.start()
    _say(f"a backlog of {count:,}")
    block = BLOCK * b"".join(
        frame.marshal(one, 1)
        for one in (
            commands.Basic.Publish(exchange="", routing_key=QUEUE),
            ContentHeader(0, SIZE, PERSISTENT),
            ContentBody(bytes(SIZE)),
        )
    )
    memory = [pss(node.pid) / 2**20]
    with Wire(node.port) as wire:
        channel = wire.channel()
        channel.declare(QUEUE, durable=True)
        channel.confirm_select()
        filled = []
        for _ in range(10):
            began = time.perf_counter()
            for _ in range(count // BLOCK // 10):
                wire.raw(block)
                channel.confirmed(BLOCK)
            filled.append(count / 10 / (time.perf_counter() - began))
            memory.append(pss(node.pid) / 2**20)
    began = time.perf_counter()
    node.kill()
    node.start()
    restart = time.perf_counter() - began
    drained = []
    with Wire(node.port) as wire:
        channel = wire.channel()
        channel.qos(BLOCK)
        channel.consume(QUEUE)
        for _ in range(10):
            began = time.perf_counter()
            for _ in range(count // BLOCK // 10):
                last = [channel.next() for _ in range(BLOCK)][-1]
                channel.ack(last.tag, multiple=True)
            drained.append(count / 10 / (time.perf_counter() - began))
            memory.append(pss(node.pid) / 2**20)
        left, _ = channel.counts(QUEUE)
    return [
        Figure(f"{count:,} messages: taken in, by tenths", "/s", filled),
        Figure(f"{count:,} messages: killed and there again", "s", [restart]),
        Figure(f"{count:,} messages: drained, by tenths", "/s", drained, notes={"left": left}),
        Figure("drained: the last half ÷ the first", "×", [sum(drained[5:]) / sum(drained[:5])], "≥ 0.7"),
        Figure(
            "memory meanwhile: the most", "MB", [max(memory)], "≤ 150", notes={"before": f"{memory[0]:.0f}"}
        ),
    ]
