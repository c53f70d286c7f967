"""The rows of the control API that are about faults. What `/openapi.json` says of each kind is read off the catalogue."""

from dataclasses import dataclass
from typing import Any, Union

import msgspec

from embedded_services.contracts.faults import (
    Fault,
    FaultCatalogue,
    FaultPatch,
    FaultQuery,
    FaultTarget,
    NewFault,
    Restored,
)
from embedded_services.contracts.wire import Page, Request
from embedded_services.control.api.paging import page_of
from embedded_services.control.api.table import Call, Operation, PageQuery
from embedded_services.control.faults.desk import FaultDesk
from embedded_services.faults.catalogue import KINDS, Kind, catalogue


@dataclass(frozen=True)
class FaultHandlers:
    desk: FaultDesk

    async def arm(self, call: Call) -> Fault:
        return await self.desk.arm(call.body)

    async def list(self, call: Call) -> Page[Fault]:
        query: FaultQuery = call.query
        wanted = [fault for fault in self.desk.faults() if query.state in (None, fault.state)]
        return page_of(wanted, lambda fault: fault.id, PageQuery(limit=query.limit, cursor=query.cursor))

    async def catalogue(self, _: Call) -> FaultCatalogue:
        return catalogue()

    async def get(self, call: Call) -> Fault:
        return self.desk.get(call.path["id"])

    async def extend(self, call: Call) -> Fault:
        return await self.desk.extend(call.path["id"], call.body.ttl)

    async def remove(self, call: Call) -> Fault:
        return await self.desk.remove(call.path["id"])

    async def restore(self, _: Call) -> Restored:
        return await self.desk.restore()


def new_fault_of_each_kind() -> Any:
    """`NewFault` as it is for each kind, with that one's parameters."""
    return Union[tuple(_new_fault(kind) for kind in KINDS.values() if kind.armable)]  # noqa: UP007 - made at run time


def _new_fault(kind: Kind) -> type[msgspec.Struct]:
    fields = msgspec.structs.fields(NewFault)
    own: dict[str, Any] = {"params": kind.params, "target": FaultTarget}
    defaults: dict[str, Any] = {"params": kind.params(), "target": FaultTarget()}
    title = "".join(word.capitalize() for word in kind.name.split("-"))
    return msgspec.defstruct(
        f"{title}Fault",
        [
            (field.name, own.get(field.name, field.type), defaults.get(field.name, field.default))
            for field in fields
            if field.name != "kind"
        ],
        bases=(Request,),
        tag_field="kind",
        tag=kind.name,
        frozen=True,
        kw_only=True,
        namespace={"__doc__": f"{kind.title}. {kind.help} A client sees: {kind.sees}."},
    )


def fault_operations(do: FaultHandlers) -> list[Operation]:
    return [
        Operation(
            method="POST",
            path="/v1/faults",
            summary="Arm a fault; answered when all that carry it out say that they have it, else it is pending",
            handler=do.arm,
            response=Fault,
            body=NewFault,
            described_body=new_fault_of_each_kind(),
            status=201,
            errors=("NOT_FOUND", "CONFLICT"),
        ),
        Operation(
            method="GET",
            path="/v1/faults",
            summary="Faults with their proof: those in force, newest first, then those that ended lately",
            handler=do.list,
            response=Page[Fault],
            query=FaultQuery,
        ),
        Operation(
            method="GET",
            path="/v1/faults/catalogue",
            summary="The kinds of fault: what a client sees of each, what it may be aimed at, its parameters",
            handler=do.catalogue,
            response=FaultCatalogue,
        ),
        Operation(
            method="DELETE",
            path="/v1/faults",
            summary="Restore all: end every fault, let go on what is frozen, start what is kept down",
            handler=do.restore,
            response=Restored,
        ),
        Operation(
            method="GET",
            path="/v1/faults/{id}",
            summary="One fault with its proof",
            handler=do.get,
            response=Fault,
            errors=("NOT_FOUND",),
        ),
        Operation(
            method="PATCH",
            path="/v1/faults/{id}",
            summary="Let it end so many seconds from now",
            handler=do.extend,
            response=Fault,
            body=FaultPatch,
            errors=("NOT_FOUND", "CONFLICT"),
        ),
        Operation(
            method="DELETE",
            path="/v1/faults/{id}",
            summary="End one fault",
            handler=do.remove,
            response=Fault,
            errors=("NOT_FOUND", "CONFLICT"),
        ),
    ]
