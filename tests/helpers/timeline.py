"""Entries of a timeline, as the control plane tells them."""

from itertools import count

from embedded_services.contracts.timeline import TimelineEntry, TimelineSubject, TimelineTone
from embedded_services.contracts.timeline import TimelineKind as Kind

AT = 1_795_444_286.0
PAYMENT_2 = TimelineSubject(service="payment", instance="payment-2")
ORDER_1 = TimelineSubject(service="order", instance="order-1")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Teller:
    """Tells one entry after the other; each is of the chain of its first cause."""

    def __init__(self, since: float = AT) -> None:
        self._numbers = count(1)
        self._since = since
        self.told: list[TimelineEntry] = []

    def tell(
        self,
        kind: Kind,
        subject: TimelineSubject,
        *causes: TimelineEntry,
        word: str = "",
        tone: TimelineTone = TimelineTone.BAD,
        many: int = 1,
        traces: tuple[str, ...] = (),
        at: float = 0.0,
    ) -> TimelineEntry:
        """`at` is seconds after the first one."""
        number = next(self._numbers)
        entry = TimelineEntry(
            seq=number,
            order=number,
            id=f"t{number}",
            at=self._since + at,
            kind=kind,
            text=f"{kind.value} {subject.instance or subject.process or subject.service or ''}".strip(),
            tone=tone,
            subject=subject,
            causes=[cause.id for cause in causes],
            chain=causes[0].chain if causes else f"t{number}",
            word=word,
            traces=list(traces),
            count=many,
        )
        self.told.append(entry)
        return entry

    def freeze(self) -> tuple[TimelineEntry, ...]:
        """payment-2 frozen → 3 timeouts → breaker open → picks move to payment-1."""
        freeze = self.tell(Kind.ACTION, PAYMENT_2, word="freeze", tone=TimelineTone.FAULT)
        timeouts = self.tell(
            Kind.CALLS_FAILED,
            PAYMENT_2,
            freeze,
            word="timeouts",
            tone=TimelineTone.WARN,
            many=3,
            traces=(TRACE,),
        )
        breaker = self.tell(Kind.BREAKER_OPENED, PAYMENT_2, timeouts)
        picks = self.tell(
            Kind.PICKS_MOVED,
            TimelineSubject(service="payment"),
            breaker,
            word="payment-1",
            tone=TimelineTone.OK,
        )
        return freeze, timeouts, breaker, picks

    def kill(self) -> tuple[TimelineEntry, ...]:
        """order-1 killed → process ended → out of rotation."""
        kill = self.tell(Kind.ACTION, ORDER_1, word="kill", tone=TimelineTone.FAULT, at=40.0)
        ended = self.tell(Kind.EXIT, ORDER_1, kill, at=40.0)
        out = self.tell(Kind.OUT_OF_ROTATION, ORDER_1, ended, at=40.0)
        return kill, ended, out
