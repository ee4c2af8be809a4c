"""Signing in at an OpenID Connect provider: there with state, nonce and a PKCE challenge, and back with a code."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from runs.access.oidc import accounts, provider
from runs.domain import errors
from runs.store import database
from runs.views.errors import error_page

NEXT_KEY = "oidc-next"
BASIC = "client_secret_basic"
USED_METADATA = (
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "id_token_signing_alg_values_supported",
)
BACKEND = "django.contrib.auth.backends.ModelBackend"


@require_GET
@never_cache
async def start(request: HttpRequest) -> HttpResponse:
    """Send the browser to the provider. `next`: the page to come back to, on this server."""
    try:
        _check_mode()
        where = request.GET.get("next", "/")
        await request.session.aset(NEXT_KEY, where if url_has_allowed_host_and_scheme(where, None) else "/")
        return await provider.in_thread(_redirect, request)
    except errors.FlyteUIError as error:
        return error_page(request, error)


@require_GET
@never_cache
async def callback(request: HttpRequest) -> HttpResponse:
    """Where the provider sends the browser back to; the redirect URI that is registered there."""
    try:
        _check_mode()
        # It is read here, so that Authlib finds it in memory, and no other thread opens a connection to the database.
        where = await request.session.apop(NEXT_KEY, "/")
        claims = await provider.in_thread(_exchange, request)
        user = await database.write(accounts.sign_in, claims)
        if not user.is_active:
            raise errors.Unauthenticated(
                f"{user.get_username()} was deactivated here; an admin can change that"
            )
        await auth.alogin(request, user, backend=BACKEND)
        return HttpResponseRedirect(where, status=HTTPStatus.SEE_OTHER)
    except errors.FlyteUIError as error:
        return error_page(request, error)


def _check_mode() -> None:
    if settings.AUTH != "oidc":
        raise errors.NotFound("nobody signs in at a provider here (FLYTEUI_AUTH is not oidc)")


def _client() -> Any:
    """Authlib's client. It is told what the provider says of itself, and fetches nothing but tokens."""
    from authlib.integrations.django_client import OAuth

    known = provider.metadata()
    methods = known.get("token_endpoint_auth_methods_supported") or [BASIC]
    return OAuth().register(
        "provider",
        client_id=settings.OIDC.client_id,
        client_secret=settings.OIDC.client_secret,
        client_kwargs={
            "scope": " ".join(settings.OIDC.scopes),
            "code_challenge_method": "S256",
            "token_endpoint_auth_method": BASIC if BASIC in methods else "client_secret_post",
            "default_timeout": provider.TIMEOUT_SECONDS,
        },
        jwks=provider.jwks(),
        **{name: known[name] for name in USED_METADATA},
    )


def _redirect(request: HttpRequest) -> HttpResponse:
    response: HttpResponse = _client().authorize_redirect(
        request, f"{settings.PUBLIC_URL}{reverse('oidc-callback')}"
    )
    return response


def _exchange(request: HttpRequest) -> dict[str, Any]:
    """The claims of the ID token for the code in the address. It is read with state, nonce, issuer, audience and signature."""
    from authlib.integrations.base_client import OAuthError
    from joserfc.errors import JoseError
    from requests import RequestException

    try:
        client = _client()
        # Authlib itself does not insist on our being in the audience.
        wanted = {
            "iss": {"essential": True, "values": [client.server_metadata["issuer"]]},
            "aud": {"essential": True, "values": [settings.OIDC.client_id]},
        }
        token = client.authorize_access_token(request, claims_options=wanted, leeway=provider.LEEWAY_SECONDS)
    except OAuthError as error:
        raise errors.Unauthenticated(
            f"the identity provider did not sign you in: {error.description or error.error}"
        ) from error
    except (JoseError, ValueError, KeyError) as error:
        raise errors.Unauthenticated(f"what the identity provider answered is not valid: {error}") from error
    except RequestException as error:
        raise errors.Unavailable(
            f"the identity provider at {settings.OIDC.issuer} does not answer: {error}"
        ) from error
    claims = token.get("userinfo")
    if not claims:
        raise errors.Unauthenticated(
            "the identity provider answered without an ID token; is openid among FLYTEUI_OIDC_SCOPES?"
        )
    return dict(claims)
