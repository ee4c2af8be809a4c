"""Projects, deployed tasks, clusters, identity."""

from __future__ import annotations

import pytest
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from flyteidl2.auth import identity_pb2
from flyteidl2.cluster import payload_pb2 as cluster_pb2
from flyteidl2.common import list_pb2
from flyteidl2.project import project_service_pb2
from flyteidl2.task import task_definition_pb2, task_service_pb2

from tests.api.conftest import API
from tests.support import messages


def task_id(version: str = "v1", name: str = "env.main") -> task_definition_pb2.TaskIdentifier:
    return task_definition_pb2.TaskIdentifier(
        org="acme", project="flytesnacks", domain="development", name=name, version=version
    )


async def deploy(api: API, version: str = "v1", name: str = "env.main", retries: int = 0) -> None:
    spec = messages.task_spec(name, version=version, retries=retries)
    await api.tasks.deploy_task(task_service_pb2.DeployTaskRequest(task_id=task_id(version, name), spec=spec))


async def list_projects(api: API, filters: str = "") -> list[str]:
    answer = await api.projects.list_projects(project_service_pb2.ListProjectsRequest(filters=filters))
    return [project.id for project in answer.projects.projects]


async def test_projects_are_made_changed_and_listed(api: API) -> None:
    new = project_service_pb2.Project(id="other", name="The other")
    await api.projects.create_project(project_service_pb2.CreateProjectRequest(project=new))
    archived = project_service_pb2.Project(id="other", state=project_service_pb2.PROJECT_STATE_ARCHIVED)
    await api.projects.update_project(project_service_pb2.UpdateProjectRequest(project=archived))

    found = await api.projects.get_project(project_service_pb2.GetProjectRequest(id="other"))

    assert found.project.name == "The other"
    assert found.project.state == project_service_pb2.PROJECT_STATE_ARCHIVED
    assert [domain.id for domain in found.project.domains] == ["development", "staging", "production"]
    assert await list_projects(api) == ["flytesnacks", "other"]
    assert await list_projects(api, "eq(state, 0)") == ["flytesnacks"]
    assert await list_projects(api, "ne(state,0)+contains(name, oth)") == ["other"]
    assert await list_projects(api, "value_in(identifier, other;x)") == ["other"]
    with pytest.raises(ConnectError, match="filter 'nonsense' must be"):
        await list_projects(api, "nonsense")


async def test_projects_are_refused_by_name(api: API) -> None:
    async def code_of(project_id: str) -> Code:
        project = project_service_pb2.Project(id=project_id)
        with pytest.raises(ConnectError, match=project_id) as caught:
            await api.projects.create_project(project_service_pb2.CreateProjectRequest(project=project))
        return caught.value.code

    assert await code_of("flytesnacks") is Code.ALREADY_EXISTS
    assert await code_of("Not_A_Name") is Code.INVALID_ARGUMENT
    with pytest.raises(ConnectError, match="there is no project 'nope'") as caught:
        await api.projects.get_project(project_service_pb2.GetProjectRequest(id="nope"))
    assert caught.value.code is Code.NOT_FOUND


async def test_a_deployed_task_is_found_listed_and_run(api: API) -> None:
    await deploy(api, "v1")
    await deploy(api, "v2")
    await deploy(api, "v1", "env.other")

    details = await api.tasks.get_task_details(task_service_pb2.GetTaskDetailsRequest(task_id=task_id("")))
    tasks = await api.tasks.list_tasks(task_service_pb2.ListTasksRequest(project_id=messages.project_id()))
    request = list_pb2.ListRequest(limit=1)
    request.sort_by.key = "created_at"
    versions = await api.tasks.list_versions(
        task_service_pb2.ListVersionsRequest(
            request=request,
            task_name=task_definition_pb2.TaskName(
                project="flytesnacks", domain="development", name="env.main"
            ),
        )
    )
    run = messages.create_run()
    run.task_id.CopyFrom(task_id("v1"))
    created = await api.runs.create_run(run)

    assert details.details.task_id.version == "v2"
    assert details.details.spec == messages.task_spec(version="v2")
    assert [(task.task_id.name, task.task_id.version) for task in tasks.tasks] == [
        ("env.main", "v2"),
        ("env.other", "v1"),
    ]
    assert [version.version for version in versions.versions] == ["v2"]
    assert versions.token == "1"
    assert created.run.action.metadata.task.id.version == "v1"


async def test_a_version_never_changes_its_meaning(api: API) -> None:
    await deploy(api)
    await deploy(api)

    with pytest.raises(ConnectError, match="exists already, with other content") as caught:
        await deploy(api, retries=3)

    assert caught.value.code is Code.ALREADY_EXISTS


async def test_tasks_are_listed_by_what_is_known_of_them(api: API) -> None:
    spec = messages.task_spec("env.start")
    spec.task_template.metadata.is_entrypoint = True
    await api.tasks.deploy_task(
        task_service_pb2.DeployTaskRequest(task_id=task_id(name="env.start"), spec=spec)
    )
    await deploy(api)

    async def names(**known: object) -> list[str]:
        request = task_service_pb2.ListTasksRequest(project_id=messages.project_id())
        request.known_filters.add(**known)
        return [task.task_id.name for task in (await api.tasks.list_tasks(request)).tasks]

    assert await names(is_entrypoint=True) == ["env.start"]
    assert await names(is_entrypoint=False) == ["env.main"]
    assert await names(deployed_by="nobody") == []


async def test_triggers_are_refused_not_dropped(api: API) -> None:
    request = task_service_pb2.DeployTaskRequest(task_id=task_id(), spec=messages.task_spec())
    request.triggers.add(name="nightly")

    with pytest.raises(ConnectError, match="nightly") as caught:
        await api.tasks.deploy_task(request)

    assert caught.value.code is Code.UNIMPLEMENTED


async def test_there_is_one_cluster(api: API) -> None:
    cluster = await api.clusters.select_cluster(
        cluster_pb2.SelectClusterRequest(project_id=messages.project_id())
    )
    me = await api.identity.user_info(identity_pb2.UserInfoRequest(), headers={"x-flyteui-actor": "ann"})

    assert cluster.cluster_endpoint == ""
    assert me.subject == "ann"
