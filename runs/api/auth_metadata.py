"""AuthMetadataService: where the `flyte` client signs in. The only service that answers whoever has not signed in."""

from __future__ import annotations

from typing import Any

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from connectrpc.request import RequestContext
from django.conf import settings
from flyteidl2.auth import auth_service_connect, auth_service_pb2
from flyteidl2.auth.auth_service_pb2 import GetOAuth2MetadataResponse, GetPublicClientConfigResponse

from runs.access.oauth import clients
from runs.access.oidc import provider
from runs.store import database

HEADER = "authorization"
GRANTS = ("authorization_code", "refresh_token", "client_credentials", clients.DEVICE_GRANT)


class AuthMetadata(auth_service_connect.AuthMetadataService):
    """Both calls carry nothing and reveal nothing: addresses, and the id of a public client."""

    async def get_o_auth2_metadata(
        self, request: auth_service_pb2.GetOAuth2MetadataRequest, ctx: RequestContext[Any, Any]
    ) -> GetOAuth2MetadataResponse:
        if settings.AUTH == "password":
            return _our_metadata()
        if settings.AUTH == "oidc":
            return _metadata_of(await provider.in_thread(provider.metadata))
        raise _nobody_signs_in()

    async def get_public_client_config(
        self, request: auth_service_pb2.GetPublicClientConfigRequest, ctx: RequestContext[Any, Any]
    ) -> GetPublicClientConfigResponse:
        common = {"redirect_uri": settings.CLI_REDIRECT_URI, "authorization_metadata_key": HEADER}
        if settings.AUTH == "password":
            if not await database.read(clients.is_cli_client_ready):
                await database.write(clients.register_cli_client)
            return GetPublicClientConfigResponse(client_id=clients.CLI_CLIENT, scopes=["all"], **common)
        if settings.AUTH == "oidc":
            return GetPublicClientConfigResponse(
                client_id=settings.OIDC.cli_client_id,
                scopes=settings.OIDC.cli_scopes,
                audience=settings.OIDC.cli_audience,
                **common,
            )
        raise _nobody_signs_in()


def _nobody_signs_in() -> ConnectError:
    return ConnectError(
        Code.UNIMPLEMENTED, "nobody signs in here (FLYTEUI_AUTH=none); a client needs `insecure: true`"
    )


def _our_metadata() -> GetOAuth2MetadataResponse:
    base = f"{settings.PUBLIC_URL}/oauth"
    return GetOAuth2MetadataResponse(
        issuer=settings.PUBLIC_URL,
        authorization_endpoint=f"{base}/authorize/",
        token_endpoint=f"{base}/token/",
        device_authorization_endpoint=f"{base}/device-authorization/",
        response_types_supported=["code"],
        scopes_supported=["all"],
        token_endpoint_auth_methods_supported=["none", "client_secret_basic"],
        code_challenge_methods_supported=["S256"],
        grant_types_supported=GRANTS,
    )


def _metadata_of(found: Any) -> GetOAuth2MetadataResponse:
    """As the provider says it. One without a device endpoint has no device flow: the client then fails for want of a URL."""
    return GetOAuth2MetadataResponse(
        issuer=found["issuer"],
        authorization_endpoint=found["authorization_endpoint"],
        token_endpoint=found["token_endpoint"],
        device_authorization_endpoint=found.get("device_authorization_endpoint", ""),
        jwks_uri=found["jwks_uri"],
        response_types_supported=found.get("response_types_supported", ()),
        scopes_supported=found.get("scopes_supported", ()),
        token_endpoint_auth_methods_supported=found.get("token_endpoint_auth_methods_supported", ()),
        code_challenge_methods_supported=found.get("code_challenge_methods_supported", ()),
        grant_types_supported=found.get("grant_types_supported", ()),
    )
