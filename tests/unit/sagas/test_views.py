"""How sagas are shown among others."""

from embedded_services.contracts.sagas import Saga, SagaState, SagaStep
from embedded_services.sagas.views import BRIEF_BYTES, brief


def saga(size: int) -> Saga:
    return Saga(
        id="s1", name="a", state=SagaState.RUNNING, trace_id="t", data={"orderId": "o1", "items": ["x" * size]},
        steps=[SagaStep(name="first", attempts=2, input={"items": ["x" * size]}, output={"ok": True})],
        started_at=1.0, updated_at=1.0,
    )  # fmt: skip


def test_a_saga_of_usual_size_is_shown_whole() -> None:
    assert brief(saga(100)) == saga(100)


def test_a_large_one_is_shown_without_its_data_and_says_so() -> None:
    shown = brief(saga(BRIEF_BYTES))
    assert (shown.brief, shown.data) == (True, {"orderId": "o1"})
    assert [(step.name, step.attempts, step.input, step.output) for step in shown.steps] == [
        ("first", 2, None, None)
    ]
