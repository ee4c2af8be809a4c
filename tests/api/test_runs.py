"""RunService: creating, reading, listing, watching, aborting."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from flyteidl2.common import list_pb2, phase_pb2
from flyteidl2.common.list_pb2 import Filter
from flyteidl2.core import tasks_pb2
from flyteidl2.dataproxy import dataproxy_service_pb2
from flyteidl2.task import task_definition_pb2
from flyteidl2.workflow import run_service_pb2

from runs.domain.names import ActionRef, RunRef
from runs.domain.phases import Phase
from runs.engine.endings import report
from runs.models import Action
from runs.store import database
from tests.api.conftest import API
from tests.support import messages

RUN = RunRef("flytesnacks", "development", "run1")


def list_runs(*filters: Filter, limit: int = 100, token: str = "") -> run_service_pb2.ListRunsRequest:
    return run_service_pb2.ListRunsRequest(
        project_id=messages.project_id(),
        request=list_pb2.ListRequest(limit=limit, token=token, filters=filters),
    )


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_a_run_is_answered_with_the_ids_that_were_sent(api: API) -> None:
    answer = await api.runs.create_run(messages.create_run())

    action = answer.run.action
    assert action.id == messages.action_id()
    assert action.status.phase == phase_pb2.ACTION_PHASE_QUEUED
    assert action.status.attempts == 1
    assert action.metadata.task.id.name == "env.main"
    assert dict(answer.run.labels) == {"team": "a__b"}


async def test_the_server_names_a_run_that_has_no_name(api: API) -> None:
    answer = await api.runs.create_run(messages.create_run(None))

    assert len(answer.run.action.id.run.name) == 20
    assert answer.run.action.id.run.name.startswith("r")


async def test_the_details_hold_spec_attempts_and_run_spec(api: API) -> None:
    await api.runs.create_run(messages.create_run())

    answer = await api.runs.get_run_details(run_service_pb2.GetRunDetailsRequest(run_id=messages.run_id()))

    details = answer.details
    assert details.action.task == messages.task_spec()
    assert [attempt.attempt for attempt in details.action.attempts] == [1]
    assert [t.phase for t in details.action.attempts[0].phase_transitions] == [phase_pb2.ACTION_PHASE_QUEUED]
    assert details.run_spec.HasField("run_start_time")


async def test_inline_inputs_get_the_defaults_that_are_missing(api: API) -> None:
    await api.runs.create_run(messages.create_run())

    data = await api.data.get_action_data(
        dataproxy_service_pb2.GetActionDataRequest(action_id=messages.action_id())
    )

    assert data.inputs == messages.inputs(n=1, m=7)
    assert not data.outputs.literals


async def test_offloaded_inputs_are_a_folder_that_the_run_refers_to(api: API) -> None:
    uploaded = await api.data.upload_inputs(
        dataproxy_service_pb2.UploadInputsRequest(
            project_id=messages.project_id(), task_spec=messages.task_spec(), inputs=messages.inputs(n=5)
        )
    )
    request = messages.create_run()
    request.ClearField("inputs")
    request.offloaded_input_data.CopyFrom(uploaded.offloaded_input_data)
    await api.runs.create_run(request)

    uris = await api.runs.get_action_data_u_r_is(
        run_service_pb2.GetActionDataURIsRequest(action_id=messages.action_id())
    )

    assert uris.inputs_uri == f"{uploaded.offloaded_input_data.uri}/inputs.pb"
    assert uris.outputs_uri == ""


def get_digest(run: str) -> str:
    return Action.objects.get(run__name=run, name="a0").input_digest


async def test_the_root_has_a_digest_of_its_inputs_inline_or_uploaded(api: API) -> None:
    await api.runs.create_run(messages.create_run())
    assert await database.read(get_digest, "run1") == '{"n":1,"m":7}'

    uploaded = await api.data.upload_inputs(
        dataproxy_service_pb2.UploadInputsRequest(
            project_id=messages.project_id(), task_spec=messages.task_spec(), inputs=messages.inputs(n=5)
        )
    )
    request = messages.create_run("run2")
    request.ClearField("inputs")
    request.offloaded_input_data.CopyFrom(uploaded.offloaded_input_data)
    await api.runs.create_run(request)

    assert await database.read(get_digest, "run2") == '{"n":5}'


def broken(**changes: object) -> run_service_pb2.CreateRunRequest:
    request = messages.create_run()
    for field, value in changes.items():
        request.ClearField(field)
        if value is not None:
            request.MergeFrom(run_service_pb2.CreateRunRequest(**{field: value}))  # type: ignore[arg-type]
    return request


NO_CONTAINER = task_definition_pb2.TaskSpec(task_template=tasks_pb2.TaskTemplate(type="sql"))
NO_CONTAINER.task_template.id.name = "env.query"


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        (broken(run_id=messages.run_id(project="nowhere")), Code.NOT_FOUND, "there is no project 'nowhere'"),
        (broken(run_id=messages.run_id(domain="moon")), Code.NOT_FOUND, "there is no domain 'moon'"),
        (broken(run_id=messages.run_id("Run_1")), Code.INVALID_ARGUMENT, "run name 'Run_1'"),
        (broken(run_id=messages.run_id("x" * 31)), Code.INVALID_ARGUMENT, "it has 31"),
        (broken(run_id=None), Code.INVALID_ARGUMENT, "neither run_id nor project_id"),
        (broken(task_spec=None), Code.INVALID_ARGUMENT, "neither task_spec nor task_id"),
        (
            broken(task_spec=task_definition_pb2.TaskSpec()),
            Code.INVALID_ARGUMENT,
            "the task spec is empty",
        ),
        (
            broken(task_spec=NO_CONTAINER),
            Code.INVALID_ARGUMENT,
            "task 'env.query' is of type 'sql': it needs a backend of its own",
        ),
        (
            broken(task_spec=messages.task_spec("x" * 256)),
            Code.INVALID_ARGUMENT,
            "task name has 256 characters",
        ),
        (broken(task_spec=messages.task_spec(retries=11)), Code.INVALID_ARGUMENT, "asks for 11 retries"),
        (
            broken(
                task_id=task_definition_pb2.TaskIdentifier(
                    project="flytesnacks", domain="development", name="env.none", version="v9"
                )
            ),
            Code.NOT_FOUND,
            "there is no task 'env.none' version 'v9'",
        ),
        (
            broken(inputs=messages.inputs(m=1)),
            Code.INVALID_ARGUMENT,
            "input 'n' of task 'env.main' is missing",
        ),
        (broken(inputs=messages.inputs(n=1, z=1)), Code.INVALID_ARGUMENT, "has no input 'z'"),
        (
            broken(offloaded_input_data={"uri": "file:///etc"}),
            Code.INVALID_ARGUMENT,
            "'file:///etc/inputs.pb' is outside of the storage",
        ),
        (
            broken(run_spec={"run_base_dir": "file:///etc/runs"}),
            Code.INVALID_ARGUMENT,
            "run_base_dir 'file:///etc/runs' is outside",
        ),
        (broken(run_start_time={"seconds": 10**15}), Code.INVALID_ARGUMENT, "is not a time"),
    ],
)
async def test_a_bad_request_is_refused_by_name_and_writes_nothing(
    api: API, storage_folder: Path, request_: run_service_pb2.CreateRunRequest, code: Code, words: str
) -> None:
    with pytest.raises(ConnectError) as caught:
        await api.runs.create_run(request_)

    assert caught.value.code is code
    assert words in caught.value.message
    assert files(storage_folder) == []
    assert not (await api.runs.list_runs(list_runs())).runs


async def test_inputs_that_are_too_large_are_refused(
    api: API, settings: object, storage_folder: Path
) -> None:
    settings.MAX_INPUT_BYTES = 10  # type: ignore[attr-defined]

    with pytest.raises(ConnectError, match="at most 10 are allowed") as caught:
        await api.runs.create_run(messages.create_run())

    assert caught.value.code is Code.INVALID_ARGUMENT
    assert files(storage_folder) == []


async def test_offloaded_inputs_that_are_gone_are_not_found(api: API, storage_folder: Path) -> None:
    gone = {"uri": f"file://{storage_folder}/_inputs/x"}

    with pytest.raises(ConnectError, match="the inputs are gone") as caught:
        await api.runs.create_run(broken(offloaded_input_data=gone))

    assert caught.value.code is Code.NOT_FOUND


async def test_a_bundle_that_is_gone_is_told_at_once(api: API, storage_folder: Path) -> None:
    gone = messages.task_spec(args=("a0", "--tgz", f"file://{storage_folder}/_uploads/fast1.tar.gz"))

    with pytest.raises(ConnectError, match="is not in the storage any more") as caught:
        await api.runs.create_run(broken(task_spec=gone))

    assert caught.value.code is Code.INVALID_ARGUMENT


async def test_a_name_that_is_taken_is_refused(api: API) -> None:
    await api.runs.create_run(messages.create_run())

    with pytest.raises(ConnectError, match="run 'run1' exists already") as caught:
        await api.runs.create_run(messages.create_run())

    assert caught.value.code is Code.ALREADY_EXISTS


async def test_unknown_runs_and_actions_are_not_found_by_name(api: API) -> None:
    await api.runs.create_run(messages.create_run())

    with pytest.raises(ConnectError, match="there is no run 'nope' in project 'flytesnacks'") as no_run:
        await api.runs.get_run_details(run_service_pb2.GetRunDetailsRequest(run_id=messages.run_id("nope")))
    with pytest.raises(ConnectError, match="there is no action 'b7' in run 'run1'") as no_action:
        await api.runs.get_action_details(
            run_service_pb2.GetActionDetailsRequest(action_id=messages.action_id("b7"))
        )
    with pytest.raises(ConnectError, match="nope") as no_abort:
        await api.runs.abort_run(run_service_pb2.AbortRunRequest(run_id=messages.run_id("nope")))

    assert {no_run.value.code, no_action.value.code, no_abort.value.code} == {Code.NOT_FOUND}


async def test_lists_filter_by_phase_label_task_and_owner(api: API) -> None:
    await api.runs.create_run(messages.create_run("one"))
    await api.runs.create_run(
        messages.create_run("two", task_spec=messages.task_spec("env.other", version="v2"))
    )
    await api.runs.abort_run(run_service_pb2.AbortRunRequest(run_id=messages.run_id("two")))

    async def names(*filters: Filter) -> list[str]:
        answer = await api.runs.list_runs(list_runs(*filters))
        return [run.action.id.run.name for run in answer.runs]

    assert await names() == ["one", "two"]
    # The client sends a single phase as a string, which arrives as its characters.
    assert await names(Filter(function=Filter.EQUAL, field="phase", values="10")) == []
    assert await names(Filter(function=Filter.EQUAL, field="phase", values=["7"])) == ["two"]
    assert await names(Filter(function=Filter.VALUE_IN, field="phase", values=["1", "7"])) == ["one", "two"]
    assert await names(Filter(function=Filter.EQUAL, field="task_name", values=["env.other"])) == ["two"]
    assert await names(Filter(function=Filter.EQUAL, field="task_version", values=["v2"])) == ["two"]
    assert await names(Filter(function=Filter.EQUAL, field="labels.team", values=["a__b"])) == ["one", "two"]
    assert await names(Filter(function=Filter.EQUAL, field="labels.team", values=["x"])) == []
    assert await names(Filter(function=Filter.EXISTS, field="labels.team")) == ["one", "two"]
    assert await names(Filter(function=Filter.EXISTS, field="labels.tea__m")) == []
    assert await names(Filter(function=Filter.EQUAL, field="created_by", values=["nobody"])) == []
    assert (
        await names(
            Filter(function=Filter.LESS_THAN, field="created_at", values=["2020-01-01T00:00:00+00:00"])
        )
        == []
    )
    with pytest.raises(ConnectError, match="there is no field 'colour'") as caught:
        await names(Filter(function=Filter.EQUAL, field="colour", values=["red"]))
    assert caught.value.code is Code.INVALID_ARGUMENT


async def test_lists_come_in_pages(api: API) -> None:
    for name in ("one", "two", "three"):
        await api.runs.create_run(messages.create_run(name))

    first = await api.runs.list_runs(list_runs(limit=2))
    second = await api.runs.list_runs(list_runs(limit=2, token=first.token))

    assert [run.action.id.run.name for run in first.runs] == ["one", "two"]
    assert [run.action.id.run.name for run in second.runs] == ["three"]
    assert second.token == ""
    with pytest.raises(ConnectError, match="is not a token"):
        await api.runs.list_runs(list_runs(token="-1"))
    with pytest.raises(ConnectError, match="limit is 2000"):
        await api.runs.list_runs(list_runs(limit=2000))


async def test_actions_are_listed_by_parent(api: API) -> None:
    await api.runs.create_run(messages.create_run())
    request = run_service_pb2.ListActionsRequest(run_id=messages.run_id())
    request.request.filters.add(field="parent_name", values=["a0"])

    assert [action.id.name for action in (await api.runs.list_actions(request)).actions] == []
    request.request.ClearField("filters")
    assert [action.id.name for action in (await api.runs.list_actions(request)).actions] == ["a0"]


async def test_force_comes_in_a_header_and_its_value_is_checked(api: API) -> None:
    await api.runs.create_run(messages.create_run())
    run = Action.objects.filter(name="a0")
    await run.aupdate(phase=Phase.RUNNING)
    request = run_service_pb2.AbortRunRequest(run_id=messages.run_id())

    with pytest.raises(ConnectError, match="the header x-flyteui-force is 'yes'") as caught:
        await api.runs.abort_run(request, headers={"x-flyteui-force": "yes"})
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert (await run.aget()).abort_id is None

    await api.runs.abort_run(request, headers={"x-flyteui-force": "0"})
    assert (await run.aget()).forced_at is None
    await api.runs.abort_run(request, headers={"x-flyteui-force": "1"})
    assert (await run.aget()).forced_at is not None


async def test_an_abort_is_told_with_reason_and_actor_and_may_be_repeated(api: API) -> None:
    await api.runs.create_run(messages.create_run())

    for reason in ("too slow", "another reason"):
        await api.runs.abort_run(run_service_pb2.AbortRunRequest(run_id=messages.run_id(), reason=reason))

    answer = await api.runs.get_action_details(
        run_service_pb2.GetActionDetailsRequest(action_id=messages.action_id())
    )
    assert answer.details.status.phase == phase_pb2.ACTION_PHASE_ABORTED
    assert answer.details.abort_info.reason == "too slow"
    assert answer.details.abort_info.aborted_by.user.id.subject


async def test_a_watch_tells_each_change_and_ends_with_the_run(api: API) -> None:
    await api.runs.create_run(messages.create_run())
    phases: list[int] = []

    async with asyncio.timeout(10):
        async for answer in api.runs.watch_action_details(
            run_service_pb2.WatchActionDetailsRequest(action_id=messages.action_id())
        ):
            phases.append(answer.details.status.phase)
            if phases == [Phase.QUEUED]:
                await database.write(report, ActionRef(RUN), 1, Phase.RUNNING, failure=None, output_uri="")
            elif phases == [Phase.QUEUED, Phase.RUNNING]:
                await database.write(
                    report,
                    ActionRef(RUN),
                    1,
                    Phase.SUCCEEDED,
                    failure=None,
                    output_uri="file:///o",
                )

    assert phases == [Phase.QUEUED, Phase.RUNNING, Phase.SUCCEEDED]


async def test_a_watch_of_an_ended_run_tells_it_once(api: API) -> None:
    await api.runs.create_run(messages.create_run())
    await api.runs.abort_run(run_service_pb2.AbortRunRequest(run_id=messages.run_id()))

    async with asyncio.timeout(10):
        watched = [
            int(answer.details.action.status.phase)
            async for answer in api.runs.watch_run_details(
                run_service_pb2.WatchRunDetailsRequest(run_id=messages.run_id())
            )
        ]
        enriched = [
            action.action.id.name
            async for answer in api.runs.watch_actions(
                run_service_pb2.WatchActionsRequest(run_id=messages.run_id())
            )
            for action in answer.enriched_actions
        ]

    assert watched == [Phase.ABORTED]
    assert enriched == ["a0"]
