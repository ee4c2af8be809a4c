"""No request reads, or has others read, what is outside of the storage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from flyteidl2.actions import actions_service_pb2
from flyteidl2.task import run_pb2

from runs.domain.addresses.storage import is_inside
from runs.domain.errors import Invalid
from runs.executor.flyte import bundles
from runs.models import Run
from runs.store import storage
from tests.api.conftest import API
from tests.support import messages

ELSEWHERE = [
    "local:///etc/passwd",
    "LOCAL:///etc/passwd",
    "FILE:///etc/passwd",
    "simplecache::file:///etc/passwd",
    "blockcache::file:///etc/passwd",
    "filecache::local:///etc/passwd",
    "zip://x::file:///etc/passwd.zip",
    "ftp://127.0.0.1:9/x",
    "http://127.0.0.1:9/x",
    "s3://bucket/x",
    "memory://x",
    "reference://x",
    "/etc/passwd",
    "file:///etc/passwd",
    "relative",
]


@pytest.mark.parametrize("address", ELSEWHERE)
async def test_no_field_of_a_request_leads_elsewhere(api: API, storage_folder: Path, address: str):
    offloaded: dict[str, Any] = {"offloaded_input_data": {"uri": address}}
    bases = run_pb2.RunSpec(run_base_dir=address)
    bundle = messages.task_spec(args=("a0", "--tgz", address))
    for fields in (offloaded, {"run_spec": bases}, {"task_spec": bundle}):
        request = messages.create_run()
        request.MergeFrom(type(request)(**fields))
        if "task_spec" in fields:
            request.task_spec.CopyFrom(bundle)

        with pytest.raises(ConnectError, match="outside of the storage") as caught:
            await api.runs.create_run(request)

        assert caught.value.code is Code.INVALID_ARGUMENT
        assert "FLYTEUI_STORAGE_URL" in caught.value.message
    assert not await Run.objects.aexists()


@pytest.mark.parametrize("address", ELSEWHERE)
async def test_no_field_of_an_action_leads_elsewhere(api: API, address: str):
    await api.runs.create_run(messages.create_run())
    by_input, by_base, by_code, by_trace = (messages.child() for _ in range(4))
    by_input.input_uri = address
    by_base.run_output_base = address
    by_code.task.spec.CopyFrom(messages.task_spec("env.child", args=("a0", "--tgz", address)))
    by_trace = messages.trace()
    by_trace.trace.outputs.output_uri = address

    for action in (by_input, by_base, by_code, by_trace):
        with pytest.raises(ConnectError, match="outside of the storage"):
            await api.actions.enqueue(actions_service_pb2.EnqueueRequest(action=action))


@pytest.mark.parametrize("address", ELSEWHERE)
@pytest.mark.parametrize("access", [storage.read_bytes, storage.exists, storage.find_size])
def test_no_access_leads_elsewhere(settings: Any, tmp_path: Path, access: Any, address: str):
    settings.STORAGE_URL = f"file://{tmp_path}"

    with pytest.raises(Invalid, match="outside of the storage"):
        access(address)
    with pytest.raises(Invalid, match="outside of the storage"):
        storage.write_bytes(address, b"x")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("s3://bucket/prefix/a/b", True),
        ("s3://bucket/prefix", True),
        ("s3://bucket/prefix2/a", False),
        ("s3://bucket/other", False),
        ("s3://bucket2/prefix/a", False),
        ("s3://bucket/prefix/../other", False),
        ("s3://bucket/prefix/%2e%2E/other", False),
        ("s3://bucket/prefix/a?versionId=1", False),
        ("s3://user@bucket/prefix/a", False),
        ("S3://bucket/prefix/a", False),
        ("s3a://bucket/prefix/a", False),
        ("simplecache::s3://bucket/prefix/a", False),
        ("s3://bucket/prefix/a::file:///etc/passwd", False),
        ("s3://bucket/prefix/a\x00", False),
        ("s3://bucket/prefix/a\nb", False),
        ("/bucket/prefix/a", False),
        ("s3://bucket/prefix/" + "x" * 5000, False),
    ],
)
def test_an_object_store_is_its_scheme_bucket_and_prefix(address: str, expected: bool):
    assert is_inside(address, "s3://bucket/prefix") is expected
    assert is_inside(address, "s3://bucket/prefix/") is expected


@pytest.mark.parametrize("address", ELSEWHERE)
async def test_an_executor_fetches_code_from_the_storage_only(tmp_path: Path, address: str):
    with pytest.raises(bundles.InvalidBundle, match="outside of the storage"):
        await bundles.prepare_bundle(address, tmp_path, "s3://storage-of-the-server/flyte")
