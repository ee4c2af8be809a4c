"""The clients of ours as an OAuth 2.0 provider, and what is kept for them.

One is public, the `flyte` of everybody: a code with PKCE, or a device's code, and refresh tokens. The others are API keys
(runs/access/oauth/keys.py), which have a secret and nothing but that. Tokens are stored as hashes.
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from oauth2_provider.models import AccessToken, Application, DeviceGrant, Grant, RefreshToken

from runs.store.clock import wall_time

CLI_CLIENT = "flyte"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
CLI_GRANTS = frozenset({"authorization_code", "refresh_token", DEVICE_GRANT})


def is_in_force(client: Application | None) -> bool:
    """Whether a client may have tokens: the flyte client always, a key until it expires."""
    if client is None:
        return False
    if client.client_id == CLI_CLIENT:
        return True
    key = getattr(client, "api_key", None)
    return key is not None and (key.expires_at is None or key.expires_at > wall_time())


def find_client(client_id: str) -> Application | None:
    return Application.objects.filter(client_id=client_id).first()


def count_waiting_devices() -> int:
    """How many codes of devices wait for somebody. One statement."""
    return int(DeviceGrant.objects.filter(expires__gt=wall_time()).count())


def is_cli_client_ready() -> bool:
    """Whether the flyte client is registered, with the redirect that the settings say. One statement."""
    return bool(
        Application.objects.filter(client_id=CLI_CLIENT, redirect_uris=settings.CLI_REDIRECT_URI).exists()
    )


def register_cli_client() -> None:
    """Register the flyte client, or correct its redirect."""
    Application.objects.update_or_create(
        client_id=CLI_CLIENT,
        defaults={
            "name": "flyte",
            "client_type": Application.CLIENT_PUBLIC,
            "authorization_grant_type": Application.GRANT_AUTHORIZATION_CODE,
            "redirect_uris": settings.CLI_REDIRECT_URI,
        },
    )


def clear_ended() -> None:
    """Delete what nobody can use any more. Four statements.

    A refresh token that was used stays as long as a new one would live: whoever uses it again has stolen it, or its owner
    has lost it to a thief, and then all that came of it is revoked. The access token of a live one stays, expired or not.
    """
    now = wall_time()
    past = now - timedelta(seconds=settings.REFRESH_TOKEN_SECONDS)
    RefreshToken.objects.filter(Q(revoked__lt=past) | Q(access_token__expires__lt=past)).delete()
    AccessToken.objects.filter(expires__lt=now, refresh_token__isnull=True).delete()
    Grant.objects.filter(expires__lt=now).delete()
    DeviceGrant.objects.filter(expires__lt=now).delete()
