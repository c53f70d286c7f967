"""Whether the window hears from the control plane."""

from dataclasses import dataclass

from embedded_services.contracts.wire import Timestamp


@dataclass(frozen=True)
class Link:
    """`last_reading` is when the newest frame came (seconds since the epoch), None before the first one.

    `age_s` is how old that is, in whole seconds, while there is no contact: all that show an age take it from here, so
    that they agree.
    """

    is_live: bool = False
    since: Timestamp = 0.0
    reason: str = ""
    last_reading: Timestamp | None = None
    age_s: int = 0
