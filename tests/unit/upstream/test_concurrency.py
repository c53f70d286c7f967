from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from embedded_services.upstream.concurrency import Line

LIMIT = 4


class Model(RuleBasedStateMachine):
    """First come, first served, and never more than may wait."""

    def __init__(self) -> None:
        super().__init__()
        self.line: Line[int] = Line()
        self.model: list[int] = []
        self.number = 0

    @rule()
    def join(self) -> None:
        self.number += 1
        room = len(self.model) < LIMIT
        assert self.line.join(self.number, LIMIT) == room
        if room:
            self.model.append(self.number)

    @rule()
    def serve(self) -> None:
        first = self.line.first()
        assert first == (self.model.pop(0) if self.model else None)
        if first is not None:
            self.line.leave(first)

    @rule(who=st.integers(1, 20))
    def leave(self, who: int) -> None:
        self.line.leave(who)
        if who in self.model:
            self.model.remove(who)

    @invariant()
    def is_as_long(self) -> None:
        assert len(self.line) == len(self.model) <= LIMIT


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=40)
