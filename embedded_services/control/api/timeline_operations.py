"""The row of the control API that is about the causal timeline."""

from dataclasses import dataclass

from embedded_services.contracts.timeline import TimelinePage, TimelineQuery
from embedded_services.control.api.table import Call, Operation
from embedded_services.control.timeline.log import TimelineLog


@dataclass(frozen=True)
class TimelineHandlers:
    log: TimelineLog

    async def read(self, call: Call) -> TimelinePage:
        return self.log.page(call.query)


def timeline_operations(do: TimelineHandlers) -> list[Operation]:
    return [
        Operation(
            method="GET",
            path="/v1/timeline",
            summary="What happened in the whole system and because of what, as it was told after a number; `order` sorts it",
            handler=do.read,
            response=TimelinePage,
            query=TimelineQuery,
        ),
    ]
