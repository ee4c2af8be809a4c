from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from flyteidl2.auth.auth_service_pb2 import GetOAuth2MetadataRequest, GetPublicClientConfigRequest
from flyteidl2.auth.identity_pb2 import UserInfoRequest
from oauth2_provider.models import Application

from tests.support.made_up_provider import MadeUpProvider


async def ask(api: Any) -> tuple[Any, Any]:
    metadata = await api.auth.get_o_auth2_metadata(GetOAuth2MetadataRequest())
    return metadata, await api.auth.get_public_client_config(GetPublicClientConfigRequest())


async def test_with_passwords_the_client_is_sent_to_our_own_endpoints(api: Any, settings: Any) -> None:
    settings.AUTH = "password"

    metadata, config = await ask(api)

    base = "http://localhost:8000/oauth"
    assert metadata.authorization_endpoint == f"{base}/authorize/"
    assert metadata.token_endpoint == f"{base}/token/"
    assert metadata.device_authorization_endpoint == f"{base}/device-authorization/"
    assert list(metadata.code_challenge_methods_supported) == ["S256"]
    assert (config.client_id, list(config.scopes)) == ("flyte", ["all"])
    assert (config.redirect_uri, config.authorization_metadata_key) == (
        "http://localhost:53593/callback",
        "authorization",
    )


async def test_the_client_is_registered_by_its_first_question_and_corrected_by_a_later_one(
    api: Any, settings: Any
) -> None:
    settings.AUTH = "password"
    await ask(api)
    settings.CLI_REDIRECT_URI = "http://localhost:5000/back"

    _, config = await ask(api)

    client = await Application.objects.aget()
    assert client.redirect_uris == config.redirect_uri == "http://localhost:5000/back"
    assert client.client_type == "public"


async def test_with_a_provider_the_client_is_sent_there(
    api: Any, settings: Any, provider: MadeUpProvider
) -> None:
    settings.OIDC = replace(settings.OIDC, cli_audience="flyteui-api", cli_scopes=("openid", "groups"))
    provider.metadata["device_authorization_endpoint"] = f"{provider.issuer}/device"

    metadata, config = await ask(api)

    assert metadata.issuer == provider.issuer
    assert metadata.token_endpoint == f"{provider.issuer}/token"
    assert metadata.device_authorization_endpoint == f"{provider.issuer}/device"
    assert (config.client_id, list(config.scopes), config.audience) == (
        "flyte-cli",
        ["openid", "groups"],
        "flyteui-api",
    )


async def test_a_provider_that_is_down_is_unavailable_so_that_the_client_tries_again(
    api: Any, provider: MadeUpProvider
) -> None:
    provider.is_down = True

    with pytest.raises(ConnectError) as raised:
        await ask(api)

    assert raised.value.code is Code.UNAVAILABLE


async def test_where_nobody_signs_in_a_client_is_told_what_it_needs(api: Any, settings: Any) -> None:
    settings.AUTH = "none"

    with pytest.raises(ConnectError, match="insecure: true") as raised:
        await ask(api)

    assert raised.value.code is Code.UNIMPLEMENTED


async def who_calls(api: Any, token: str) -> Any:
    headers = {"authorization": f"Bearer {token}"}
    return await api.identity.user_info(UserInfoRequest(), headers=headers)


async def test_a_call_with_a_token_of_the_provider_is_its_accounts(
    api: Any, provider: MadeUpProvider
) -> None:
    answer = await who_calls(api, provider.sign(provider.claims(preferred_username="ada")))

    assert answer.name == "ada"
    with pytest.raises(ConnectError) as raised:
        await who_calls(api, provider.sign(provider.claims(aud="another-program")))
    assert raised.value.code is Code.UNAUTHENTICATED


async def test_a_call_that_nobody_could_check_is_unavailable_and_not_unauthenticated(
    api: Any, provider: MadeUpProvider
) -> None:
    """UNAUTHENTICATED would send the client to sign in again, at a provider that does not answer."""
    provider.is_down = True

    with pytest.raises(ConnectError) as raised:
        await who_calls(api, provider.sign(provider.claims()))

    assert raised.value.code is Code.UNAVAILABLE
