"""TaskService: tasks that `flyte deploy` registered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from connectrpc.request import RequestContext
from django.conf import settings
from flyteidl2.task import task_definition_pb2, task_service_connect, task_service_pb2

from runs.api import wire
from runs.api.door import visible_to
from runs.api.identity import owner_of
from runs.domain import specs
from runs.domain.declared import services
from runs.domain.names import check_scope
from runs.engine import registry
from runs.queries import registry as queries
from runs.queries.filters import Condition, Test
from runs.store import database


class Tasks(task_service_connect.TaskService):
    """Triggers are not supported yet, and a deployment that has some is refused."""

    async def deploy_task(
        self, request: task_service_pb2.DeployTaskRequest, ctx: RequestContext[Any, Any]
    ) -> task_service_pb2.DeployTaskResponse:
        if request.triggers:
            names = ", ".join(repr(trigger.name) for trigger in request.triggers)
            raise ConnectError(
                Code.UNIMPLEMENTED, f"{services.TRIGGERS}; task {request.task_id.name!r} has {names}"
            )
        asked = request.task_id
        await database.write(
            registry.deploy_task,
            check_scope("project", asked.project),
            check_scope("domain", asked.domain),
            asked.name,
            asked.version,
            specs.read_task_message(request.spec),
            deployed_by=owner_of(ctx),
            domains=settings.DOMAINS,
        )
        return task_service_pb2.DeployTaskResponse()

    async def get_task_details(
        self, request: task_service_pb2.GetTaskDetailsRequest, ctx: RequestContext[Any, Any]
    ) -> task_service_pb2.GetTaskDetailsResponse:
        asked = request.task_id
        found = await database.read(queries.get_task, asked.project, asked.domain, asked.name, asked.version)
        return task_service_pb2.GetTaskDetailsResponse(
            details=task_definition_pb2.TaskDetails(
                task_id=_task_id(found, asked.org),
                metadata=_metadata(found),
                spec=task_definition_pb2.TaskSpec.FromString(found.spec),
            )
        )

    async def list_tasks(
        self, request: task_service_pb2.ListTasksRequest, ctx: RequestContext[Any, Any]
    ) -> task_service_pb2.ListTasksResponse:
        scope, query = request.project_id, wire.list_query(request.request)
        asked = [one.is_entrypoint for one in request.known_filters if one.HasField("is_entrypoint")]
        owners = [one.deployed_by for one in request.known_filters if one.HasField("deployed_by")]
        query = replace(
            query,
            conditions=(*query.conditions, *(Condition("deployed_by", Test.EQUAL, (who,)) for who in owners)),
        )
        found, following = await database.read(
            queries.list_tasks,
            scope.name,
            scope.domain,
            query,
            entrypoint=asked[-1] if asked else None,
            projects=visible_to(ctx),
        )
        return task_service_pb2.ListTasksResponse(
            tasks=[
                task_definition_pb2.Task(
                    task_id=_task_id(one, request.org or scope.organization), metadata=_metadata(one)
                )
                for one in found
            ],
            token=wire.token(following),
        )

    async def list_versions(
        self, request: task_service_pb2.ListVersionsRequest, ctx: RequestContext[Any, Any]
    ) -> task_service_pb2.ListVersionsResponse:
        asked = request.task_name
        found, following = await database.read(
            queries.list_versions, asked.project, asked.domain, asked.name, wire.list_query(request.request)
        )
        return task_service_pb2.ListVersionsResponse(
            versions=[
                task_service_pb2.ListVersionsResponse.VersionResponse(
                    version=one.version,
                    deployed_at=wire.stamp(one.deployed_at),
                    deployed_by=wire.identity(one.deployed_by),
                )
                for one in found
            ],
            token=wire.token(following),
        )


def _task_id(view: queries.TaskView, org: str) -> task_definition_pb2.TaskIdentifier:
    return task_definition_pb2.TaskIdentifier(
        org=org, project=view.project, domain=view.domain, name=view.name, version=view.version
    )


def _metadata(view: queries.TaskView) -> task_definition_pb2.TaskMetadata:
    return task_definition_pb2.TaskMetadata(
        short_name=view.short_name,
        environment_name=view.environment,
        deployed_at=wire.stamp(view.deployed_at),
        deployed_by=wire.identity(view.deployed_by),
    )
