"""SecretService: `flyte create secret`, `get secret`, `delete secret`. No answer holds a value."""

from __future__ import annotations

from typing import Any

from connectrpc.request import RequestContext
from django.conf import settings
from flyteidl2.common import identifier_pb2
from flyteidl2.secret import definition_pb2, payload_pb2, secret_connect

from runs.api import wire
from runs.api.door import visible_to
from runs.api.identity import actor_of
from runs.domain.errors import Invalid
from runs.domain.secrets import Kind, SecretRef, check_ref, check_secret_scope
from runs.engine import secrets
from runs.queries import secrets as queries
from runs.store import database

Context = RequestContext[Any, Any]
HERE = "flyteui"


class Secrets(secret_connect.SecretService):
    """An organisation is a label here, as everywhere: it is echoed, and one server has one."""

    async def create_secret(
        self, request: payload_pb2.CreateSecretRequest, ctx: Context
    ) -> payload_pb2.CreateSecretResponse:
        spec = request.secret_spec
        await database.write(
            secrets.create_secret, _ref(request.id), _value(spec), kind=_kind(spec), actor=actor_of(ctx)
        )
        return payload_pb2.CreateSecretResponse()

    async def update_secret(
        self, request: payload_pb2.UpdateSecretRequest, ctx: Context
    ) -> payload_pb2.UpdateSecretResponse:
        value = _value(request.secret_spec)
        await database.write(secrets.replace_secret, _ref(request.id), value, actor=actor_of(ctx))
        return payload_pb2.UpdateSecretResponse()

    async def get_secret(
        self, request: payload_pb2.GetSecretRequest, ctx: Context
    ) -> payload_pb2.GetSecretResponse:
        ref = check_ref(_ref(request.id), settings.DOMAINS)
        found = await database.read(queries.get_secret, ref)
        return payload_pb2.GetSecretResponse(secret=_message(found, request.id.organization))

    async def delete_secret(
        self, request: payload_pb2.DeleteSecretRequest, ctx: Context
    ) -> payload_pb2.DeleteSecretResponse:
        await database.write(secrets.delete_secret, _ref(request.id))
        return payload_pb2.DeleteSecretResponse()

    async def list_secrets(
        self, request: payload_pb2.ListSecretsRequest, ctx: Context
    ) -> payload_pb2.ListSecretsResponse:
        check_secret_scope(request.project, request.domain, settings.DOMAINS)
        found = await database.read(queries.list_secrets, request.project, request.domain, visible_to(ctx))
        limit, offset = wire.limit(request.limit), wire.offset(request.token)
        more = offset + limit if len(found) > offset + limit else None
        return payload_pb2.ListSecretsResponse(
            secrets=[_message(one, request.organization) for one in found[offset : offset + limit]],
            token=wire.token(more),
        )


def _ref(identifier: definition_pb2.SecretIdentifier) -> SecretRef:
    return SecretRef(identifier.name, identifier.project, identifier.domain)


def _value(spec: definition_pb2.SecretSpec) -> bytes:
    match spec.WhichOneof("value"):
        case "string_value":
            return spec.string_value.encode()
        case "binary_value":
            return bytes(spec.binary_value)
    raise Invalid("the secret has no value")


def _kind(spec: definition_pb2.SecretSpec) -> Kind:
    try:
        return Kind(spec.type)
    except ValueError as error:
        raise Invalid(f"the secret has type {spec.type}, which is neither regular nor image pull") from error


def _message(view: queries.SecretView, org: str) -> definition_pb2.Secret:
    """Everything is on one cluster, this server; what its environment has is said to be there."""
    present = definition_pb2.ClusterSecretStatus(
        cluster=identifier_pb2.ClusterIdentifier(name=view.source or HERE),
        presence_status=definition_pb2.PRESENT,
    )
    return definition_pb2.Secret(
        id=definition_pb2.SecretIdentifier(
            name=view.ref.name, organization=org, project=view.ref.project, domain=view.ref.domain
        ),
        secret_metadata=definition_pb2.SecretMetadata(
            type=wire.number(view.kind),
            created_time=wire.stamp(view.created_at),
            secret_status=definition_pb2.SecretStatus(
                overall_status=definition_pb2.FULLY_PRESENT, cluster_status=[present]
            ),
        ),
    )
