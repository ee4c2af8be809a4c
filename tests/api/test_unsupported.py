"""What this server has not is refused by the name of the feature, with what to do instead."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import flyteidl2
import httpx
import pytest
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from flyteidl2.task import task_definition_pb2, task_service_pb2
from flyteidl2.workflow import run_service_pb2

from runs.api.asgi import SERVICES
from runs.domain.declared import services
from tests.api.conftest import API
from tests.support import messages


def all_services() -> dict[str, set[str]]:
    """The methods of each service of the protocol."""
    found: dict[str, set[str]] = {}
    for module in pkgutil.walk_packages(flyteidl2.__path__, "flyteidl2."):
        if module.name.endswith("_pb2"):
            descriptor = importlib.import_module(module.name).DESCRIPTOR
            for service in descriptor.services_by_name.values():
                found[service.full_name] = {method.name for method in service.methods}
    return found


PROTOCOL = all_services()
SERVED = {path.strip("/"): application for path, application in SERVICES.items()}


def unwritten(service: str) -> set[str]:
    """The methods of a served service that are those of its generated base class."""
    ours: Any = SERVED[service]._service
    base: Any = next(one for one in type(ours).__mro__ if one.__module__.startswith("flyteidl2."))
    endpoints = SERVED[service]._endpoints(ours)
    names = {path.rpartition("/")[2]: endpoint.function.__name__ for path, endpoint in endpoints.items()}
    return {method for method, name in names.items() if getattr(type(ours), name) is getattr(base, name)}


def test_each_service_of_the_protocol_is_served_or_named() -> None:
    assert len(PROTOCOL) > 20
    assert set(PROTOCOL) - set(SERVED) - set(services.SERVICES) == set()
    assert set(services.SERVICES) - set(PROTOCOL) == set()
    assert set(services.SERVICES) & set(SERVED) == set(), "what is served is not named as missing"


def test_each_method_that_nobody_has_written_is_named() -> None:
    missing = {f"{service}/{method}" for service in SERVED for method in unwritten(service)}

    assert missing == set(services.METHODS)


@pytest.mark.parametrize("service", sorted(set(PROTOCOL) - set(SERVED)))
async def test_a_service_that_is_not_here_says_what_to_do_instead(
    web: httpx.AsyncClient, service: str
) -> None:
    method = min(PROTOCOL[service])

    answer = await web.post(f"/{service}/{method}", json={})

    assert (answer.status_code, answer.json()["code"]) == (501, "unimplemented")
    assert answer.json()["message"] == str(services.SERVICES[service])


async def test_a_method_that_is_not_here_says_what_to_do_instead(api: API) -> None:
    with pytest.raises(ConnectError) as refused:
        await api.runs.get_action_data(run_service_pb2.GetActionDataRequest())

    assert refused.value.code is Code.UNIMPLEMENTED
    assert "call DataProxyService/GetActionData" in refused.value.message


async def test_what_flyte_itself_has_not_is_refused_by_its_path(web: httpx.AsyncClient) -> None:
    answer = await web.post("/flyteidl2.nothing.Service/Method", json={})

    assert answer.json()["message"] == "there is no 'flyteidl2.nothing.Service/Method' here"


async def test_a_deployment_with_a_trigger_is_refused_by_the_name_of_the_trigger(api: API) -> None:
    task = task_definition_pb2.TaskIdentifier(
        project="flytesnacks", domain="development", name="env.main", version="v1"
    )
    nightly = task_definition_pb2.TaskTrigger(name="nightly")

    with pytest.raises(ConnectError) as refused:
        await api.tasks.deploy_task(
            task_service_pb2.DeployTaskRequest(task_id=task, spec=messages.task_spec(), triggers=[nightly])
        )

    assert refused.value.code is Code.UNIMPLEMENTED
    assert "triggers are not supported by flyteui: deploy the task without them" in refused.value.message
    assert "task 'env.main' has 'nightly'" in refused.value.message
