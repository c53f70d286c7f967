"""What can go wrong when asking the control plane. The messages are for the user."""

from collections.abc import Sequence

from embedded_services.contracts.errors import ErrorDetail


class ControlError(Exception):
    """The control plane refused, or could not be asked.

    `code` is its own (`contracts.errors.STATUS_OF`) with the HTTP `status`; or, with `status` None, one of
    `UNREACHABLE` (nobody there), `TIMEOUT` (no answer in time: whether it was done is unknown) and `BAD_RESPONSE`
    (an answer that the control plane does not give).
    """

    def __init__(
        self, code: str, message: str, status: int | None = None, details: Sequence[ErrorDetail] = ()
    ) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message
        self.status = status
        self.details = tuple(details)


class NoRuntimeError(Exception):
    """The workspace does not say where its system runs: it does not run, or its `runtime.json` is damaged."""
