"""ImageService, and the run with which the client builds what it has not: what is built is ours alone to say."""

from __future__ import annotations

import pytest
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from flyteidl2.core import literals_pb2
from flyteidl2.imagebuilder import definition_pb2, payload_pb2
from flyteidl2.task import common_pb2, task_definition_pb2, task_service_pb2
from flyteidl2.workflow import run_service_pb2

from runs.domain.images import BUILD_DOMAIN, BUILD_TASK, build_task
from runs.domain.names import BUILD_PROJECT, BUILDER_POOL
from runs.engine import registry
from runs.models import Action, Image, Run
from runs.store import database
from tests.api.conftest import API
from tests.support import messages

NAME = "mine:f9471f0d8a7d3e1c69c2e77cfbe19154"
SECRET = "registry-token"


async def get_image(api: API, name: str = NAME) -> definition_pb2.Image:
    asked = payload_pb2.GetImageRequest(id=definition_pb2.ImageIdentifier(name=name))
    return (await api.images.get_image(asked)).image


async def client_task(api: API) -> task_definition_pb2.TaskSpec:
    """The task as the client gets it, and sends it back: with the secrets of the image, so by value."""
    await database.write(registry.seed)
    asked = task_definition_pb2.TaskIdentifier(project=BUILD_PROJECT, domain=BUILD_DOMAIN, name=BUILD_TASK)
    answer = await api.tasks.get_task_details(task_service_pb2.GetTaskDetailsRequest(task_id=asked))
    spec = answer.details.spec
    spec.task_template.security_context.secrets.add(key=SECRET)
    return spec


def build_inputs(target: str = NAME) -> common_pb2.Inputs:
    inputs = common_pb2.Inputs()
    for name, value in (("spec", "file:///spec.pb"), ("context", ""), ("target_image", target)):
        literal = literals_pb2.Literal()
        literal.scalar.primitive.string_value = value
        inputs.literals.append(common_pb2.NamedLiteral(name=name, value=literal))
    return inputs


async def start_build(
    api: API, name: str, *, target: str = NAME, spec: task_definition_pb2.TaskSpec, force: bool = False
) -> None:
    request = run_service_pb2.CreateRunRequest(
        run_id=messages.run_id(name), task_spec=spec, inputs=build_inputs(target)
    )
    request.run_spec.overwrite_cache = force
    await api.runs.create_run(request)


async def test_an_image_that_was_not_built_here_is_not_found(api: API) -> None:
    with pytest.raises(ConnectError, match=r"mine.*not built here") as caught:
        await get_image(api)

    assert caught.value.code is Code.NOT_FOUND


async def test_one_that_was_built_is_named_with_its_build(api: API) -> None:
    await start_build(api, "build1", spec=await client_task(api))
    run = await Run.objects.aget(name="build1")
    await Image.objects.filter(name=NAME).aupdate(state="built", environment="abc")

    found = await get_image(api)

    assert found.fqin == f"flyteui.local/{NAME}"
    build = found.build_run
    assert (build.org, build.project, build.domain, build.name) == (
        run.org,
        "flytesnacks",
        "development",
        "build1",
    )


async def test_a_build_runs_our_own_task_whatever_the_client_sends(api: API) -> None:
    spec = await client_task(api)
    spec.task_template.container.args.append("--tgz=file:///evil.tgz")

    await start_build(api, "build1", spec=spec)

    root = await Action.objects.select_related("spec", "pool").aget(run__name="build1")
    assert root.spec is not None
    assert root.pool is not None
    assert bytes(root.spec.spec) == build_task().spec
    assert (root.pool.key, root.pool.env, root.pool.built_image_id) == (BUILDER_POOL, {}, None)


async def test_a_forced_build_is_told_to_build_anew(api: API) -> None:
    await start_build(api, "build1", spec=await client_task(api), force=True)

    root = await Action.objects.select_related("spec").aget(run__name="build1")
    assert root.spec is not None
    assert bytes(root.spec.spec) == build_task(is_forced=True).spec


async def test_the_first_of_several_builds_is_the_build_of_the_image(api: API) -> None:
    spec = await client_task(api)

    for name in ("build1", "build2"):
        await start_build(api, name, spec=spec, target=f"docker.io/ann/{NAME}")

    image = await Image.objects.select_related("build_run").aget()
    assert image.build_run is not None
    assert (image.name, image.state, image.build_run.name) == (NAME, "building", "build1")


async def test_a_build_without_a_target_is_refused(api: API) -> None:
    with pytest.raises(ConnectError, match="target_image is empty") as caught:
        await start_build(api, "build1", spec=await client_task(api), target="")

    assert caught.value.code is Code.INVALID_ARGUMENT
    assert not await Run.objects.aexists()
