"""Every failure becomes a sentence for people; a bug is called one."""

import pytest

from app.core.messages import NotConnectedError, UserFacingError, UserMessage, to_message
from embedded_services.client.errors import ControlError
from embedded_services.contracts.errors import ErrorDetail


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ControlError("CONFLICT", "payment-2 is stopped", 409), "Payment-2 is stopped."),
        (ControlError("UNREACHABLE", "refused"), "The control plane cannot be reached."),
        (
            ControlError("TIMEOUT", "5 s"),
            "The control plane did not answer in time; whether it was done is not known.",
        ),
        (ControlError("BAD_RESPONSE", "no JSON"), "The control plane gave an answer that cannot be read."),
        (UserFacingError("The body is not JSON.", "Correct it."), "The body is not JSON."),
        (NotConnectedError(), "The system is not running."),
        (TimeoutError(), "No answer in time."),
        (PermissionError(13, "Permission denied", "/etc/x"), "/etc/x: Permission denied"),
        (KeyError("x"), "Something went wrong inside Faultdeck."),
    ],
)
def test_each_failure_has_its_words(error: Exception, text: str) -> None:
    assert to_message(error).text == text


def test_what_is_copied_holds_the_code_and_the_fields() -> None:
    detail = ErrorDetail(field="replicas", message="must be at most 64")
    message = to_message(ControlError("VALIDATION_FAILED", "replicas must be at most 64", 400, [detail]))
    assert message.full() == (
        "Replicas must be at most 64.\nVALIDATION_FAILED 400\nreplicas must be at most 64"
    )


def test_a_message_reads_as_text_and_hint() -> None:
    assert str(UserMessage("It broke.", "Mend it.", "0xdead")) == "It broke. Mend it."
