"""Weaves facts into a timeline in which no effect stands before its cause. Pure but for memory.

`take` is handed one fact at a time, in the order in which the control plane received them, and gives the entries to be told:
the new one, or one that went on, and those that had to move because their cause was told after them. Facts of one process come
in the order in which they happened there, and keep it. What a fact names as its cause is its cause, also when that is told
only later; what the rules found gives way to it.
"""

from collections.abc import Iterable
from itertools import chain, islice
from typing import Final

from embedded_services.contracts.timeline import TimelineEntry, TimelineKind, TimelineSubject
from embedded_services.control.timeline.facts import Fact
from embedded_services.control.timeline.held import RECENT, Held, Memory
from embedded_services.control.timeline.rules import CAUSES, LATE_S, ONE_BY_ONE, TOLD_LATE, Rule, Tier

MAX_CAUSES: Final = 4
MAX_TRACES: Final = 5
AGAIN_S: Final = 60.0
"""What comes of itself again and again, within this time, is one entry."""
LOOKED_AT: Final = RECENT // 4
"""Entries that are looked at for the effects of a cause that is told late."""


class Causality:
    def __init__(self) -> None:
        self._memory = Memory()

    def take(self, fact: Fact, now: float) -> list[TimelineEntry]:
        """`now` is monotonic. Gives what is to be told, by `seq`."""
        memory = self._memory
        for name in fact.closes:
            memory.close(name, now)
        held = memory.going_on(fact.key)
        changed: dict[str, Held] = {}
        if held is not None:
            self._go_on(held, fact, now)
        else:
            causes = self._causes(fact, now)
            held = self._same(fact, causes, now)
            if held is None:
                held = self._begin(fact, causes, now)
            else:
                memory.go_on(held, fact.key, 0 if fact.is_level else held.entry.count)
                self._go_on(held, fact, now)
            memory.call(held, fact.names)
            changed = self._late_effects(held, now)
        for name in fact.because:
            if memory.named(name) is None:
                memory.expect(name, held)
        changed[held.entry.id] = held
        return sorted((one.entry for one in changed.values()), key=lambda entry: entry.seq)

    # --- a fact becomes an entry ----------------------------------------------------------------------------------

    def _begin(self, fact: Fact, causes: list[Held], now: float) -> Held:
        memory = self._memory
        memory.seq += 1
        id_ = f"t{memory.seq}"
        root = causes[0].entry.chain if causes else id_
        entry = TimelineEntry(
            seq=memory.seq,
            order=memory.seq,
            id=id_,
            at=fact.at,
            kind=fact.kind,
            text=fact.text_for(fact.count),
            tone=fact.shown_tone,
            subject=fact.subject,
            causes=[cause.entry.id for cause in causes],
            chain=root if memory.room_in(root) else id_,
            word=fact.word,
            traces=list(fact.traces[-MAX_TRACES:]),
            count=fact.count,
        )
        named = any(memory.named(name) is not None for name in fact.because)
        held = Held(entry, fact.source, now, now, is_open=fact.opens, named=named)
        memory.add(held)
        memory.go_on(held, fact.key, 0)
        return held

    def _go_on(self, held: Held, fact: Fact, now: float) -> None:
        held.last = now
        entry = held.entry
        count = max(entry.count, fact.count) if fact.is_level else held.base + fact.count
        self._memory.tell_again(
            held,
            text=fact.text_for(count),
            tone=fact.shown_tone,
            word=fact.word,
            traces=list(dict.fromkeys([*entry.traces, *fact.traces]))[-MAX_TRACES:],
            count=count,
            until=max(entry.at, fact.at),
        )

    def _same(self, fact: Fact, causes: list[Held], now: float) -> Held | None:
        """The entry that this is one more of: the same in one chain, or of itself again before long. What goes on may have come
        to another word by then."""
        if fact.kind in ONE_BY_ONE:
            return None
        chains = {cause.entry.chain for cause in causes}
        for held in self._memory.newest():
            entry = held.entry
            if (entry.kind, entry.subject) != (fact.kind, fact.subject):
                continue
            if entry.word != fact.word and not fact.key:
                continue
            if entry.chain in chains if chains else not entry.causes and now - held.last <= AGAIN_S:
                return held
        return None

    # --- causes ---------------------------------------------------------------------------------------------------

    def _causes(self, fact: Fact, now: float) -> list[Held]:
        named = [held for name in fact.because if (held := self._memory.named(name)) is not None]
        if named:
            return _distinct(named)
        tiers = CAUSES.get(fact.kind, ())
        traced = self._traced(fact, tiers)
        if traced is not None:
            return [traced]
        for tier in tiers:
            found = [held for rule in tier if (held := self._newest(rule, fact, now)) is not None]
            if found:
                return _distinct(found)
        return []

    def _traced(self, fact: Fact, tiers: Iterable[Tier]) -> Held | None:
        """What was seen in one of the same requests."""
        traces = set(fact.traces)
        if not traces:
            return None
        kinds = {kind for tier in tiers for rule in tier for kind in rule.kinds}
        return next(
            (
                held
                for held in self._memory.newest()
                if held.entry.kind in kinds and not traces.isdisjoint(held.entry.traces)
            ),
            None,
        )

    def _newest(self, rule: Rule, fact: Fact, now: float) -> Held | None:
        return next(
            (
                held
                for held in self._memory.candidates()
                if (held.is_open or now - held.last <= rule.within_s)
                and (not fact.among or held.entry.kind in fact.among)
                and rule.fits(held.entry.kind, held.entry.word, held.entry.subject, fact.subject)
            ),
            None,
        )

    # --- causes that are told late --------------------------------------------------------------------------------

    def _late_effects(self, cause: Held, now: float) -> dict[str, Held]:
        """Links what it caused though that was told before, and gives all that changed by it."""
        changed: dict[str, Held] = {}
        for name in cause.names:
            for effect in self._memory.expected(name):
                changed |= self._link(cause, effect, named=True)
        if cause.entry.kind in TOLD_LATE:
            known = {cause.entry.id, *cause.entry.causes}
            for effect in list(islice(self._memory.newest(), LOOKED_AT)):
                if (
                    not effect.named
                    and effect.source != cause.source
                    and now - effect.first <= LATE_S
                    and known.issuperset(effect.entry.causes)
                    and _may_cause(cause.entry, effect.entry.kind, effect.entry.subject)
                ):
                    changed |= self._link(cause, effect, named=False)
        return changed

    def _link(self, cause: Held, effect: Held, *, named: bool) -> dict[str, Held]:
        """Let `effect` be one of `cause`, and stand after it. Nothing is done where that would turn around what is known."""
        id_ = cause.entry.id
        if effect is cause or id_ in effect.entry.causes or effect.entry.id not in self._memory:
            return {}
        is_before = effect.entry.order < cause.entry.order
        moving = self._after(effect) if is_before else [effect]
        if cause in moving:
            return {}
        kept = effect.entry.causes if named and effect.named else []
        effect.named = named or effect.named
        self._memory.tell_again(effect, causes=[*kept, id_][:MAX_CAUSES])
        for held in moving if is_before else ():
            self._memory.move_to_end(held)
        changed = {held.entry.id: held for held in moving}
        return changed if kept else changed | self._rechain(effect, cause.entry.chain)

    def _after(self, first: Held) -> list[Held]:
        """What is known to have happened after it: its effects, and what its process told later, and so on; in order."""
        ids, sources, found = {first.entry.id}, {first.source}, [first]
        for held in self._memory.in_order():
            if held.entry.order <= first.entry.order:
                continue
            if held.source in sources or not ids.isdisjoint(held.entry.causes):
                ids.add(held.entry.id)
                sources.add(held.source)
                found.append(held)
        return found

    def _rechain(self, first: Held, root: str) -> dict[str, Held]:
        """Let it and all that came of it belong to the chain `root`, as long as there is room."""
        moved: dict[str, Held] = {}
        before = first.entry.chain
        for held in list(self._memory.in_order()):
            causes = held.entry.causes
            came_of_it = held is first or (bool(causes) and causes[0] in moved)
            if came_of_it and held.entry.chain == before != root and self._memory.room_in(root):
                self._memory.tell_again(held, chain=root)
                moved[held.entry.id] = held
        return moved


def _may_cause(cause: TimelineEntry, kind: TimelineKind, subject: TimelineSubject) -> bool:
    rules = chain.from_iterable(CAUSES.get(kind, ()))
    return any(rule.fits(cause.kind, cause.word, cause.subject, subject) for rule in rules)


def _distinct(found: Iterable[Held]) -> list[Held]:
    """The earliest first: its chain is theirs."""
    causes = {held.entry.id: held for held in found}
    return sorted(causes.values(), key=lambda held: held.entry.order)[:MAX_CAUSES]
