"""What django-oauth-toolkit cannot know of our clients (runs/access/oauth/clients.py). It finds this class by a setting.

Only the endpoints that give out tokens load it: whoever reads one needs none of this.
"""

from __future__ import annotations

from typing import Any

from oauth2_provider.models import Application, DeviceGrant
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauthlib.oauth2.rfc8628.grant_types import DeviceCodeGrant

from runs.access.oauth.clients import CLI_CLIENT, CLI_GRANTS, is_in_force


class Validator(OAuth2Validator):  # type: ignore[misc]  # untyped
    """Decides which client may do what; the library does the rest."""

    def validate_grant_type(
        self, client_id: str, grant_type: str, client: Application, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        """An application of the library has one type of grant; the flyte client needs three."""
        if request.client.client_id == CLI_CLIENT:
            return grant_type in CLI_GRANTS
        return grant_type == "client_credentials"

    def authenticate_client(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        """A key that has expired or was revoked is no client any more."""
        return bool(super().authenticate_client(request, *args, **kwargs)) and is_in_force(request.client)

    def validate_code(
        self, client_id: str, code: str, client: Application, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        return (
            bool(super().validate_code(client_id, code, client, request, *args, **kwargs))
            and request.user.is_active
        )

    def validate_refresh_token(
        self, refresh_token: str, client: Application, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        is_valid = bool(super().validate_refresh_token(refresh_token, client, request, *args, **kwargs))
        return is_valid and request.user.is_active

    def validate_device_code(
        self, client_id: str, code: str, request: Any, *args: Any, **kwargs: Any
    ) -> str | None:
        """The state of a device's code, as DeviceCodeGrant names it; a code that was approved is used up by this call."""
        # The client was authenticated; the id in the body may be missing then.
        found = DeviceGrant.objects.filter(device_code=code, client_id=request.client.client_id)
        grant = found.select_for_update().first()
        if grant is None:
            return None
        if grant.is_expired():
            return str(DeviceCodeGrant.DEVICE_CODE_EXPIRED)
        if grant.status == DeviceGrant.AUTHORIZATION_PENDING:
            return str(DeviceCodeGrant.DEVICE_CODE_PENDING)
        found.delete()
        if grant.status != DeviceGrant.AUTHORIZED or grant.user is None or not grant.user.is_active:
            return str(DeviceCodeGrant.DEVICE_CODE_DENIED)
        request.user, request.scopes = grant.user, grant.scope.split()
        return str(DeviceCodeGrant.DEVICE_CODE_AUTHORIZED)
