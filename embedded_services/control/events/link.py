"""All of the event desk that needs a broker.

Two connections: one reads (the tap, the dead letters, the queues of an external broker), the other publishes, because a
broker that is short of memory stops whoever publishes, and we go on showing.
"""

from collections.abc import Callable, Iterable

from aiormq.abc import DeliveredMessage

from embedded_services.bus.connection import BusConnection
from embedded_services.common.clock import Clock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.events import BusState
from embedded_services.contracts.secret_fields import without_password
from embedded_services.control.events.dead_letters import DeadLetters
from embedded_services.control.events.history import History
from embedded_services.control.events.publisher import Publisher
from embedded_services.control.events.queue_book import QueueBook, QueueLook
from embedded_services.control.events.reading import seen
from embedded_services.control.events.replays import Replays
from embedded_services.control.events.tap import Tap


class BrokerLink:
    """`start` when the history knows its last number."""

    def __init__(
        self,
        url: str | None,
        history: History,
        queues: QueueBook,
        tasks: Tasks,
        clock: Clock,
        changed: Callable[..., None],
        *,
        external_services: Callable[[], Iterable[str]] | None,
        max_held: int,
    ) -> None:
        """`external_services`: those whose queues an external broker is asked about; None for the embedded one, which tells
        by itself."""
        self.url = url
        """Where the broker was seen last, None before."""
        self._history = history
        self._tasks = tasks
        self._clock = clock
        self.reading = BusConnection(url, "control", clock)
        self.publishing = BusConnection(url, "control publishing", clock)
        self.tap = Tap(self.reading, clock, self._take, history.pass_over)
        self.publisher = Publisher(self.publishing, clock, queues.wants)
        self.letters = DeadLetters(
            self.reading,
            clock,
            queues.names,
            lambda: changed("dead-letters", "queues"),
            max_held=max_held,
        )
        self.replays = Replays(self.letters, self.publisher, clock, tasks, lambda: changed("replays"))
        self._look = (
            None if external_services is None else QueueLook(self.reading, clock, queues, external_services)
        )
        self.events_per_s = 0.0
        self.handled_per_s = 0.0

    def start(self) -> None:
        self._tasks.spawn(self.reading.run(), "reading")
        self._tasks.spawn(self.publishing.run(), "publishing")
        self._tasks.spawn(self.letters.run(), "dead letters")
        if self._look is not None:
            self._tasks.spawn(self._look.run(), "queues")

    def move(self, url: str | None) -> None:
        """The broker is at `url` from now on, or nobody knows where."""
        self.url = url or self.url
        self.reading.move(url)
        self.publishing.move(url)

    def _take(self, message: DeliveredMessage) -> None:
        self._history.take(seen(message, self._history.next_seq, self._clock.now()))

    def state(self, letters: int) -> BusState:
        """`letters` lie in the dead letter queues."""
        return BusState(
            url=without_password(self.url or ""),
            kind="embedded" if self._look is None else "external",
            connected=self.reading.connected.is_set(),
            problem=self.reading.problem or self.publishing.problem,
            events_per_s=self.events_per_s,
            handled_per_s=self.handled_per_s,
            total=self._history.total,
            dropped=self._history.dropped,
            gaps=self.tap.gaps,
            gap_at=self.tap.gap_at,
            dead_letters=len(self.letters),
            dead_letters_total=letters,
        )
