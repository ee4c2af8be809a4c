"""SecretService, by the real Connect client: what it keeps, lists and refuses, and that it answers no value."""

from __future__ import annotations

import pytest
from asgiref.sync import sync_to_async
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from flyteidl2.secret import definition_pb2, payload_pb2

from runs.models import AuditEntry, Secret
from tests.api.conftest import API

VALUE = "correct horse battery staple"


def identifier(name: str = "TOKEN", project: str = "", domain: str = "") -> definition_pb2.SecretIdentifier:
    return definition_pb2.SecretIdentifier(name=name, organization="acme", project=project, domain=domain)


HERE = identifier(project="flytesnacks", domain="development")


async def create(api: API, which: definition_pb2.SecretIdentifier = HERE, **spec: object) -> None:
    kept = definition_pb2.SecretSpec(**(spec or {"string_value": VALUE}))  # type: ignore[arg-type]
    await api.secrets.create_secret(payload_pb2.CreateSecretRequest(id=which, secret_spec=kept))


async def names(api: API, **scope: str) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    token = ""
    while True:
        request = payload_pb2.ListSecretsRequest(organization="acme", limit=2, token=token, **scope)  # type: ignore[arg-type]
        answer = await api.secrets.list_secrets(request)
        assert VALUE.encode() not in answer.SerializeToString()
        found += [(one.id.name, one.id.project, one.id.domain) for one in answer.secrets]
        if not (token := answer.token):
            return found


async def refusal(call: object) -> tuple[Code, str]:
    with pytest.raises(ConnectError) as caught:
        await call  # type: ignore[misc]
    assert VALUE not in str(caught.value)
    return caught.value.code, str(caught.value)


async def test_a_secret_is_created_read_replaced_and_deleted(api: API) -> None:
    await create(api)

    found = await api.secrets.get_secret(payload_pb2.GetSecretRequest(id=HERE))
    assert found.secret.id == HERE
    assert found.secret.secret_metadata.secret_status.overall_status == definition_pb2.FULLY_PRESENT
    assert found.secret.secret_metadata.created_time.seconds > 0
    assert VALUE.encode() not in found.SerializeToString()
    spec = definition_pb2.SecretSpec(binary_value=b"\xff")
    await api.secrets.update_secret(payload_pb2.UpdateSecretRequest(id=HERE, secret_spec=spec))
    await api.secrets.delete_secret(payload_pb2.DeleteSecretRequest(id=HERE))

    code, message = await refusal(api.secrets.get_secret(payload_pb2.GetSecretRequest(id=HERE)))
    assert (code, message) == (Code.NOT_FOUND, "there is no secret 'TOKEN' of flytesnacks/development")
    assert await sync_to_async(Secret.objects.count)() == 0


async def test_the_type_of_a_secret_is_kept(api: API) -> None:
    await create(
        api, identifier("PULL"), string_value="{}", type=definition_pb2.SECRET_TYPE_IMAGE_PULL_SECRET
    )

    found = await api.secrets.get_secret(payload_pb2.GetSecretRequest(id=identifier("PULL")))
    assert found.secret.secret_metadata.type == definition_pb2.SECRET_TYPE_IMAGE_PULL_SECRET
    code, message = await refusal(create(api, identifier("ODD"), string_value="{}", type=7))
    assert (code, "type 7" in message) == (Code.INVALID_ARGUMENT, True)


async def test_lists_are_of_a_scope_and_come_in_pages(api: API) -> None:
    await create(api)
    await create(api, identifier(domain="development"))
    for name in ("A", "B"):
        await create(api, identifier(name))

    everything = [
        ("A", "", ""),
        ("B", "", ""),
        ("TOKEN", "", "development"),
        ("TOKEN", "flytesnacks", "development"),
    ]
    assert await names(api) == everything
    assert await names(api, domain="development") == everything[2:]
    assert await names(api, project="flytesnacks", domain="development") == everything[3:]
    assert await names(api, domain="production") == []


async def test_bad_requests_are_refused_by_name(api: API) -> None:
    await create(api)

    assert (await refusal(create(api)))[0] is Code.ALREADY_EXISTS
    for which, what in (
        (identifier(project="flytesnacks"), "name the domain"),
        (identifier("no spaces"), "secret name 'no spaces'"),
        (identifier(domain="nowhere"), "there is no domain 'nowhere'"),
    ):
        code, message = await refusal(create(api, which))
        assert (code, what in message) == (Code.INVALID_ARGUMENT, True)
    code, message = await refusal(
        api.secrets.create_secret(payload_pb2.CreateSecretRequest(id=identifier("X")))
    )
    assert (code, message) == (Code.INVALID_ARGUMENT, "the secret has no value")
    request = payload_pb2.ListSecretsRequest(project="flytesnacks")
    assert (await refusal(api.secrets.list_secrets(request)))[0] is Code.INVALID_ARGUMENT


async def test_the_servers_own_are_listed_with_their_source(api: API, settings, monkeypatch) -> None:
    settings.SECRETS_PREFIX = "TASKS_"
    monkeypatch.setenv("TASKS_API_KEY", VALUE)

    assert await names(api) == [("API_KEY", "", "")]
    found = await api.secrets.get_secret(payload_pb2.GetSecretRequest(id=identifier("API_KEY")))
    (cluster,) = found.secret.secret_metadata.secret_status.cluster_status
    assert cluster.cluster.name == "environment of the server"
    assert (
        await refusal(api.secrets.delete_secret(payload_pb2.DeleteSecretRequest(id=identifier("API_KEY"))))
    )[0] is Code.NOT_FOUND


async def test_the_audit_has_the_name_and_the_scope_and_no_value(api: API) -> None:
    await create(api)
    await create(api, identifier("WIDE"))
    await api.secrets.delete_secret(payload_pb2.DeleteSecretRequest(id=identifier("WIDE")))
    await refusal(create(api))

    entries = await sync_to_async(
        lambda: list(
            AuditEntry.objects.order_by("pk").values_list("deed", "target", "project", "outcome", "note")
        )
    )()
    assert entries[:3] == [
        ("create secret", "flytesnacks/development/TOKEN", "flytesnacks", "done", ""),
        ("create secret", "WIDE", "", "done", ""),
        ("delete secret", "WIDE", "", "done", ""),
    ]
    assert entries[3][:4] == ("create secret", "flytesnacks/development/TOKEN", "flytesnacks", "failed")
    assert VALUE not in str(entries)
