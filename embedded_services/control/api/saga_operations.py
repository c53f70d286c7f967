"""The rows of the control API that are about sagas and the ledger."""

from dataclasses import dataclass

from embedded_services.contracts.ledger import Ledger
from embedded_services.contracts.sagas import (
    NewSaga,
    Saga,
    SagaAction,
    SagaDefinition,
    SagaPage,
    SagaQuery,
    SagaStarted,
)
from embedded_services.contracts.wire import Page
from embedded_services.control.api.table import Call, Operation
from embedded_services.control.sagas.desk import SagaDesk


@dataclass(frozen=True)
class SagaHandlers:
    desk: SagaDesk

    async def start(self, call: Call) -> SagaStarted:
        return await self.desk.orchestration.start(call.body)

    async def list(self, call: Call) -> SagaPage:
        return await self.desk.orchestration.page(call.query)

    async def definitions(self, _: Call) -> Page[SagaDefinition]:
        return await self.desk.orchestration.definitions()

    async def get(self, call: Call) -> Saga:
        return await self.desk.orchestration.get(call.path["id"])

    async def act(self, call: Call) -> Saga:
        asked = call.body or SagaAction()
        return await self.desk.orchestration.act(call.path["id"], call.path["action"], asked)

    async def ledger(self, _: Call) -> Ledger:
        return await self.desk.ledger.look()


def saga_operations(do: SagaHandlers) -> list[Operation]:
    return [
        Operation(
            method="POST",
            path="/v1/sagas",
            summary="Start a saga, step by step or with armed faults if wanted; answered when it is on disk",
            handler=do.start,
            response=SagaStarted,
            body=NewSaga,
            status=202,
            errors=("NOT_FOUND", "SERVICE_UNAVAILABLE"),
        ),
        Operation(
            method="GET",
            path="/v1/sagas",
            summary="Sagas, newest first, by state, time and text, without their journals",
            handler=do.list,
            response=SagaPage,
            query=SagaQuery,
            errors=("SERVICE_UNAVAILABLE",),
        ),
        Operation(
            method="GET",
            path="/v1/sagas/definitions",
            summary="The sagas that can be started, with their steps",
            handler=do.definitions,
            response=Page[SagaDefinition],
            errors=("SERVICE_UNAVAILABLE",),
        ),
        Operation(
            method="GET",
            path="/v1/sagas/{id}",
            summary="One saga, with its journal",
            handler=do.get,
            response=Saga,
            errors=("NOT_FOUND", "SERVICE_UNAVAILABLE"),
        ),
        Operation(
            method="POST",
            path="/v1/sagas/{id}/{action}",
            summary="retry, skip (with a reason) or cancel a saga, or let the next step begin (next)",
            handler=do.act,
            response=Saga,
            body=SagaAction,
            body_required=False,
            errors=("NOT_FOUND", "CONFLICT", "SERVICE_UNAVAILABLE"),
        ),
        Operation(
            method="GET",
            path="/v1/ledger",
            summary="What must be true of all services' data together, and whether it is; what is wrong is named",
            handler=do.ledger,
            response=Ledger,
        ),
    ]
