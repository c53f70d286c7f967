"""Types of fields that the services share."""

from typing import Annotated, Final

from msgspec import Meta

from embedded_services.contracts.wire import END

ONE_LINE: Final = r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*" + END
"""The pattern of a text for people: not blank, and without control characters."""

Id = Annotated[str, Meta(pattern=r"^[!-~]{1,64}" + END)]
