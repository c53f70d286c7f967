"""The rows of the control API that are about traffic."""

from dataclasses import dataclass

from embedded_services.contracts.traffic import Traffic, TrafficWish
from embedded_services.control.api.table import Call, Operation
from embedded_services.control.traffic.desk import TrafficDesk


@dataclass(frozen=True)
class TrafficHandlers:
    desk: TrafficDesk

    async def start(self, call: Call) -> Traffic:
        return await self.desk.start(call.body or TrafficWish())

    async def stop(self, _: Call) -> Traffic:
        return await self.desk.stop()

    async def get(self, _: Call) -> Traffic:
        return self.desk.state


def traffic_operations(do: TrafficHandlers) -> list[Operation]:
    return [
        Operation(
            method="POST",
            path="/v1/traffic",
            summary="Start traffic, or change the traffic that runs: what is left out stays as it is",
            handler=do.start,
            response=Traffic,
            body=TrafficWish,
            body_required=False,
            errors=("SERVICE_UNAVAILABLE",),
        ),
        Operation(
            method="DELETE",
            path="/v1/traffic",
            summary="Stop traffic; answered when nothing is under way any more, with what it did",
            handler=do.stop,
            response=Traffic,
        ),
        Operation(
            method="GET",
            path="/v1/traffic",
            summary="Traffic as it is: its plan, its phase with the reason, and totals since it was started",
            handler=do.get,
            response=Traffic,
        ),
    ]
