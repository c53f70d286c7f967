"""The lines of the ledger in the window's language. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.core import figures
from app.core.language import tr
from app.panels.sagas.words import short_id
from app.qt.tokens import Tone
from embedded_services.contracts.ledger import LedgerItem, LedgerLine, LineName, LineState
from embedded_services.contracts.sagas import SagaCounts, SagaState

STUCK: Final = "stuck"
NAMED: Final = 3
"""Things that a line names at once."""
MARKS: Final[Mapping[LineState, str]] = {
    LineState.OK: "check", LineState.SETTLING: "undoing", LineState.BROKEN: "unhealthy", LineState.UNKNOWN: "unknown",
}  # fmt: skip
_TONES: Final[Mapping[LineState, Tone]] = {
    LineState.OK: "text_muted", LineState.SETTLING: "warn", LineState.BROKEN: "bad", LineState.UNKNOWN: "text_muted",
}  # fmt: skip


@dataclass(frozen=True)
class Named:
    """Something that does not fit; `saga` is empty where none is to blame."""

    text: str
    saga: str = ""


@dataclass(frozen=True)
class Rule:
    """A line as it is shown: `title` is what must hold, `figures` whether it does."""

    key: str
    mark: str
    state: LineState
    title: str
    figures: str
    tone: Tone
    named: tuple[Named, ...] = ()
    more: int = 0


def rules_of(
    lines: Mapping[str, LedgerLine], counts: SagaCounts | None, stuck: Sequence[str]
) -> Sequence[Rule]:
    """Every rule, known or not, in a fixed order. `stuck` are sagas that wait for a person, as far as they are known."""
    rules = [_rule(name, lines.get(name.value)) for name in LineName]
    return [*rules, _none_stuck(counts, stuck)]


def _rule(name: LineName, line: LedgerLine | None) -> Rule:
    title = _titles()[name]
    if line is None:
        return Rule(name.value, "unknown", LineState.UNKNOWN, title, tr("not looked at yet"), "text_muted")
    items = line.broken if line.state is LineState.BROKEN else line.settling
    count = line.broken_count if line.state is LineState.BROKEN else line.settling_count
    named = tuple(_named(item) for item in items[:NAMED])
    return Rule(
        name.value, MARKS[line.state], line.state, title, _figures(line), _TONES[line.state], named,
        max(0, count - len(named)),
    )  # fmt: skip


def _titles() -> Mapping[LineName, str]:
    return {
        LineName.PAYMENTS: tr("Charged = ordered, or refunded"),
        LineName.STOCK: tr("Free + held + sold = received"),
        LineName.RESERVATIONS: tr("No reservation outlives its saga"),
        LineName.CONFIRMATIONS: tr("One confirmation per order"),
    }


def explained(key: str) -> str:
    """The rule in a whole sentence."""
    return {
        LineName.PAYMENTS.value: tr("Every captured payment belongs to a confirmed order, or is refunded."),
        LineName.STOCK.value: tr(
            "What is free, reserved and sold of each product is what was received of it."
        ),
        LineName.RESERVATIONS.value: tr("Nothing stays reserved for an order whose saga has ended."),
        LineName.CONFIRMATIONS.value: tr("Every confirmed order has exactly one confirmation."),
        STUCK: tr("No saga waits for a person because an undoing failed for good."),
    }.get(key, "")


def _figures(line: LedgerLine) -> str:
    if line.state is LineState.UNKNOWN:
        return tr("cannot be known now: {why}", why=line.why)
    if line.name is LineName.STOCK and line.figures:
        stock, reserved, sold, received = (
            figures.count(line.figures.get(key)) for key in ("stock", "reserved", "sold", "received")
        )
        sign = "=" if line.state is LineState.OK else "≠"
        return f"{stock} + {reserved} + {sold} {sign} {received}"
    checked = tr("{n} checked", n=figures.count(line.checked))
    if line.unchecked:
        checked = tr("{checked}, {n} older not", checked=checked, n=figures.count(line.unchecked))
    if line.broken_count:
        return tr("{n} of {checked}", n=figures.count(line.broken_count), checked=checked)
    if line.settling_count:
        return tr("{checked} · {n} settling", checked=checked, n=figures.count(line.settling_count))
    return checked


def _named(item: LedgerItem) -> Named:
    if item.saga is None:
        return Named(item.what)
    return Named(f"{short_id(item.saga)}: {item.what}", item.saga)


def _none_stuck(counts: SagaCounts | None, stuck: Sequence[str]) -> Rule:
    title = tr("No saga is stuck")
    if counts is None:
        return Rule(STUCK, "unknown", LineState.UNKNOWN, title, tr("not looked at yet"), "text_muted")
    count = max(counts.by_state.get(SagaState.COMPENSATION_FAILED.value, 0), len(stuck))
    if not count:
        said = tr("{n} runs", n=figures.count(counts.total))
        return Rule(STUCK, "check", LineState.OK, title, said, "text_muted")
    named = tuple(Named(tr("{id} waits for you", id=short_id(saga)), saga) for saga in stuck[:NAMED])
    said = tr("1 waits for you") if count == 1 else tr("{n} wait for you", n=figures.count(count))
    return Rule(STUCK, "unhealthy", LineState.BROKEN, title, said, "bad", named, max(0, count - len(named)))
