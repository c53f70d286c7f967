"""Every publish is answered once, in order, and nothing before its mark."""

from hypothesis import given
from hypothesis import strategies as st
from pamqp import commands, frame

from embedded_services.broker import frames
from embedded_services.broker.confirms import Confirms


def told(confirms: Confirms) -> list[tuple[int, bool, bool]]:
    """The tag of each answer, whether it is an ack, and whether it is for all up to it."""
    found = []
    for answer in confirms.due():
        _, _, method = frame.unmarshal(frames.method(1, answer))
        assert isinstance(method, commands.Basic.Ack | commands.Basic.Nack)
        found.append(
            (method.delivery_tag or 0, isinstance(method, commands.Basic.Ack), bool(method.multiple))
        )
    return found


def test_nothing_is_answered_that_was_published_after_the_mark() -> None:
    confirms = Confirms()
    confirms.add(taken=True)
    confirms.add(taken=True)
    assert told(confirms) == []
    confirms.mark()
    confirms.add(taken=True)
    confirms.add(taken=False)
    assert told(confirms) == [(2, True, True)]
    assert told(confirms) == []
    confirms.mark()
    assert told(confirms) == [(3, True, False), (4, False, False)]


@given(st.lists(st.sampled_from(["taken", "refused", "mark", "due"])))
def test_each_is_answered_once_and_as_it_was_taken(steps: list[str]) -> None:
    confirms, published, answers = Confirms(), dict[int, bool](), dict[int, bool]()
    for step in [*steps, "mark", "due"]:
        if step == "mark":
            confirms.mark()
        elif step == "due":
            for tag, ok, multiple in told(confirms):
                tags = range(max(answers, default=0) + 1, tag + 1) if multiple else [tag]
                assert not set(tags) & set(answers)
                answers.update(dict.fromkeys(tags, ok))
        else:
            confirms.add(taken=step == "taken")
            published[len(published) + 1] = step == "taken"
    assert answers == published
