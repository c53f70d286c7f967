"""Which of the recorded requests are asked for. Pure."""

from typing import Annotated

from msgspec import Meta

from embedded_services.contracts.system import RequestRecord
from embedded_services.contracts.wire import END
from embedded_services.control.api.table import PageQuery


class RequestQuery(PageQuery, frozen=True):
    """What is given, all of it has to hold: `route` is its prefix, `status` one status or a class of them (`5xx`), `instance`
    one that was tried, `trace` its id, and `q` a text, in any case, that the method and path, the note, the user or the id
    contain."""

    route: Annotated[str, Meta(max_length=200)] = ""
    status: Annotated[str, Meta(pattern=r"^([1-5]([0-9][0-9]|xx))?" + END)] = ""
    instance: Annotated[str, Meta(max_length=60)] = ""
    trace: Annotated[str, Meta(pattern=r"^([0-9a-f]{32})?" + END)] = ""
    q: Annotated[str, Meta(max_length=200)] = ""

    def wants(self, record: RequestRecord) -> bool:
        return (
            self.route in ("", record.route)
            and self.status in ("", str(record.status), f"{record.status // 100}xx")
            and self._was_tried(record)
            and self.trace in ("", record.trace)
            and self._contains(record)
        )

    def _was_tried(self, record: RequestRecord) -> bool:
        wanted = self.instance
        return wanted in ("", record.instance) or any(
            attempt.instance == wanted for attempt in record.attempts
        )

    def _contains(self, record: RequestRecord) -> bool:
        if not self.q:
            return True
        said = (f"{record.method} {record.path}", record.note, record.user or "", record.id)
        return any(self.q.lower() in text.lower() for text in said)
