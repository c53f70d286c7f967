"""The one place where an exception becomes what a user reads: what happened, and what to do about it."""

from dataclasses import dataclass

from app.core.language import tr
from embedded_services.client.errors import ControlError, NoRuntimeError


@dataclass(frozen=True)
class UserMessage:
    """`text` says what happened, `hint` what to do; `details` is for copying only."""

    text: str
    hint: str = ""
    details: str = ""

    def __str__(self) -> str:
        return f"{self.text} {self.hint}".strip()

    def full(self) -> str:
        """Everything, as it is copied."""
        return "\n".join(part for part in (self.text, self.hint, self.details) if part)


class UserFacingError(Exception):
    """Something that the user must hear of, in words made for the user."""

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(f"{text} {hint}".strip())
        self.message = UserMessage(text, hint)


class NotConnectedError(UserFacingError):
    """The action needs the system, which does not run or cannot be reached."""

    def __init__(self) -> None:
        super().__init__(tr("The system is not running."), tr("Start it with the button in the top bar."))


def to_message(error: BaseException) -> UserMessage:
    """What to tell the user of `error`; a bug is called one."""
    match error:
        case UserFacingError():
            return error.message
        case ControlError():
            return _of_control(error)
        case NoRuntimeError():
            return UserMessage(tr("The system does not run on this workspace."), details=str(error))
        case TimeoutError():
            return UserMessage(tr("No answer in time."), tr("Try again."))
        case OSError():
            where = f"{error.filename}: " if error.filename else ""
            return UserMessage(f"{where}{error.strerror or error}")
        case _:
            return UserMessage(
                tr("Something went wrong inside Faultdeck."),
                tr("Copy the details for a report."),
                f"{type(error).__name__}: {error}",
            )


def _of_control(error: ControlError) -> UserMessage:
    details = "\n".join(
        [f"{error.code} {error.status or ''}".strip(), *(f"{d.field} {d.message}" for d in error.details)]
    )
    match error.code:
        case "UNREACHABLE":
            return UserMessage(
                tr("The control plane cannot be reached."),
                tr("It is started again if it died."),
                error.message,
            )
        case "TIMEOUT":
            return UserMessage(
                tr("The control plane did not answer in time; whether it was done is not known."),
                tr("See its state, then try again."),
                details,
            )
        case "BAD_RESPONSE":
            return UserMessage(
                tr("The control plane gave an answer that cannot be read."),
                tr("Does another version of Faultdeck serve this workspace?"),
                error.message,
            )
        case _:
            return UserMessage(_sentence(error.message), details=details)


def _sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
