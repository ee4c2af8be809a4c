"""ProjectService: projects, whose domains are a setting."""

from __future__ import annotations

import re
from typing import Any

from connectrpc.request import RequestContext
from django.conf import settings
from flyteidl2.common import list_pb2
from flyteidl2.project import project_service_connect, project_service_pb2
from flyteidl2.task import run_pb2

from runs.api import wire
from runs.api.door import visible_to
from runs.domain.errors import Invalid
from runs.engine import registry
from runs.queries import registry as queries
from runs.queries.filters import Condition, ListQuery, Test
from runs.store import database

_FILTER = re.compile(r"(eq|ne|contains|value_in)\(\s*(\w+)\s*,\s*([^()]*?)\s*\)\Z")
_TESTS = {"eq": Test.EQUAL, "ne": Test.NOT_EQUAL, "contains": Test.CONTAINS, "value_in": Test.VALUE_IN}
_ARCHIVED = {
    project_service_pb2.PROJECT_STATE_ARCHIVED,
    project_service_pb2.PROJECT_STATE_SYSTEM_ARCHIVED,
}


class Projects(project_service_connect.ProjectService):
    """Every project has the domains of the setting FLYTEUI_DOMAINS; those that a client sends are not kept."""

    async def create_project(
        self, request: project_service_pb2.CreateProjectRequest, ctx: RequestContext[Any, Any]
    ) -> project_service_pb2.CreateProjectResponse:
        project = request.project
        await database.write(
            registry.create_project,
            project.id or project.name,
            project.name,
            project.description,
            dict(project.labels.values),
        )
        return project_service_pb2.CreateProjectResponse()

    async def update_project(
        self, request: project_service_pb2.UpdateProjectRequest, ctx: RequestContext[Any, Any]
    ) -> project_service_pb2.UpdateProjectResponse:
        project = request.project
        await database.write(
            registry.update_project,
            project.id,
            project.name,
            project.description,
            dict(project.labels.values),
            is_archived=project.state in _ARCHIVED,
        )
        return project_service_pb2.UpdateProjectResponse()

    async def get_project(
        self, request: project_service_pb2.GetProjectRequest, ctx: RequestContext[Any, Any]
    ) -> project_service_pb2.GetProjectResponse:
        found = await database.read(queries.get_project, request.id)
        return project_service_pb2.GetProjectResponse(project=_project(found, request.org))

    async def list_projects(
        self, request: project_service_pb2.ListProjectsRequest, ctx: RequestContext[Any, Any]
    ) -> project_service_pb2.ListProjectsResponse:
        sort = request.sort_by
        descending = sort.direction == list_pb2.Sort.DESCENDING
        query = ListQuery(
            conditions=read_filters(request.filters),
            limit=wire.limit(request.limit),
            offset=wire.offset(request.token),
            sort=((sort.key, descending),) if sort.key else (),
        )
        found, following = await database.read(queries.list_projects, query, visible_to(ctx))
        return project_service_pb2.ListProjectsResponse(
            projects=project_service_pb2.Projects(
                projects=[_project(one, request.org) for one in found], token=wire.token(following)
            )
        )


def read_filters(text: str) -> tuple[Condition, ...]:
    """The old filter language: `eq(state, 0)+contains(name, x)`; ";" separates the values of value_in."""
    conditions = []
    for part in filter(None, text.split("+")):
        match = _FILTER.match(part.strip())
        if match is None:
            raise Invalid(f"filter {part[:200]!r} must be eq, ne, contains or value_in, as in 'eq(state, 0)'")
        function, field, value = match.groups()
        values = tuple(value.split(";")) if function == "value_in" else (value,)
        conditions.append(Condition(field, _TESTS[function], values))
    return tuple(conditions)


def _project(view: queries.ProjectView, org: str) -> project_service_pb2.Project:
    return project_service_pb2.Project(
        id=view.name,
        name=view.display_name,
        description=view.description,
        org=org,
        labels=run_pb2.Labels(values=view.labels),
        domains=[project_service_pb2.Domain(id=name, name=name.capitalize()) for name in settings.DOMAINS],
        state=project_service_pb2.PROJECT_STATE_ARCHIVED
        if view.is_archived
        else project_service_pb2.PROJECT_STATE_ACTIVE,
    )
