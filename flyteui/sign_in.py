"""The settings of signing in: ours as an OAuth 2.0 provider (`password`), and of an OpenID Connect provider (`oidc`).

FLYTEUI_AUTH chooses one of them; what belongs to the other is not read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured
from django.utils.crypto import get_random_string

from runs.access.oidc.group_roles import GroupRole, read_group_roles

# What tokens of ours are good for. What their bearer may do is the matter of roles.
SCOPES = {"all": "Do in your name what your roles allow"}
# Of a device's code, as RFC 8628 recommends them: nobody takes one for another, and they make no words.
CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"


def provider_settings(public_url: str, access_seconds: int, refresh_seconds: int) -> dict[str, object]:
    """OAUTH2_PROVIDER of django-oauth-toolkit: no more than the flyte client and API keys need, all of RFC 9700."""
    device = f"{public_url}/oauth/device/"
    return {
        "OAUTH2_VALIDATOR_CLASS": "runs.access.oauth.validator.Validator",
        "OIDC_ISS_ENDPOINT": public_url,  # also the issuer of plain OAuth
        "SCOPES": SCOPES,
        "ACCESS_TOKEN_EXPIRE_SECONDS": access_seconds,
        "REFRESH_TOKEN_EXPIRE_SECONDS": refresh_seconds,
        "REFRESH_TOKEN_REUSE_PROTECTION": True,
        "CLIENT_SECRET_HASHER": "random_secret",
        "CLIENT_SECRET_GENERATOR_LENGTH": 48,
        "OAUTH_DEVICE_VERIFICATION_URI": device,
        "OAUTH_DEVICE_VERIFICATION_URI_COMPLETE": f"{device}?user_code={{user_code}}",
        "OAUTH_DEVICE_USER_CODE_GENERATOR": lambda: get_random_string(8, CODE_LETTERS),
        "OAUTH_PRE_TOKEN_VALIDATION": [],  # Validator.validate_device_code does it
        "OAUTH2_RESPONSE_TYPES_SUPPORTED": ["code"],
        "OAUTH2_GRANT_TYPES_SUPPORTED": [
            "authorization_code",
            "client_credentials",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code",
        ],
        "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
        "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
        "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
        "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
        "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
        "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
        "COMPLIANT_BCP_RFC9700_REFRESH_TOKEN": True,
        "COMPLIANT_BCP_RFC9700_REDIRECT_URI_MATCHING": True,
        "COMPLIANT_BCP_RFC9700_PKCE_REQUIRED": True,
    }


@dataclass(frozen=True, slots=True)
class OIDCSettings:
    """What is known of the OpenID Connect provider before it is asked.

    issuer: its URL, without a slash at the end; client_id, client_secret: of our pages; cli_client_id: of the flyte
    client, which is public; audiences: one of them must be in a bearer; roles: by groups, beside those of members.
    """

    issuer: str
    client_id: str
    client_secret: str
    scopes: tuple[str, ...]
    name_claim: str
    groups_claim: str
    roles: tuple[GroupRole, ...]
    cli_client_id: str
    cli_scopes: tuple[str, ...]
    cli_audience: str
    audiences: tuple[str, ...]


def read_oidc(env: Callable[[str, str], str], *, is_used: bool) -> OIDCSettings:
    """Read FLYTEUI_OIDC_*; where the provider is used, raises ImproperlyConfigured for what is missing or wrong."""
    cli_client_id = env("OIDC_CLI_CLIENT_ID", "")
    audience = env("OIDC_AUDIENCE", "")
    if is_used:
        missing = [
            f"FLYTEUI_OIDC_{name}" for name in ("ISSUER", "CLIENT_ID", "CLIENT_SECRET") if not env(f"OIDC_{name}", "")
        ]  # fmt: skip
        if missing:
            raise ImproperlyConfigured(f"FLYTEUI_AUTH is oidc, which needs {', '.join(missing)} too")
    try:
        roles = read_group_roles(env("OIDC_ROLES", ""))
    except ValueError as error:
        raise ImproperlyConfigured(f"FLYTEUI_OIDC_ROLES: {error}") from error
    return OIDCSettings(
        issuer=env("OIDC_ISSUER", "").rstrip("/"),
        client_id=env("OIDC_CLIENT_ID", ""),
        client_secret=env("OIDC_CLIENT_SECRET", ""),
        scopes=tuple(env("OIDC_SCOPES", "openid profile email").split()),
        name_claim=env("OIDC_NAME_CLAIM", "preferred_username"),
        groups_claim=env("OIDC_GROUPS_CLAIM", "groups"),
        roles=roles,
        cli_client_id=cli_client_id,
        cli_scopes=tuple(env("OIDC_CLI_SCOPES", "openid profile email offline_access").split()),
        cli_audience=audience,
        # Without an audience of its own, a token that was made for the flyte client counts.
        audiences=tuple(filter(None, (audience or cli_client_id,))),
    )
