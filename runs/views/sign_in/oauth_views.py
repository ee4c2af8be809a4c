"""The views of django-oauth-toolkit in our look, and where its answers differ from ours. runs/views/sign_in/oauth.py runs them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from oauth2_provider import views
from oauth2_provider.views.device import DeviceGrantForm

from runs.access import audit
from runs.access.oauth import clients, sign_ins
from runs.domain import errors

MAX_DEVICES = 1000  # codes that wait for somebody at a time; whoever asks for one need not have signed in


class Authorize(views.AuthorizationView):  # type: ignore[misc]  # untyped
    """Asks whether a program may act in one's name. It asks each time: any program of the machine can listen for the answer."""

    template_name = "runs/sign_in/consent.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if "approval_prompt" in request.GET:
            asked = request.GET.copy()
            del asked["approval_prompt"]
            request.GET = asked  # type: ignore[assignment]
        return super().get(request, *args, **kwargs)  # type: ignore[no-any-return]

    def form_valid(self, form: Any) -> HttpResponseBase:
        """The form has been to the browser: where its answer goes is looked at again, also when it is a no."""
        client = clients.find_client(form.cleaned_data["client_id"])
        if client is None or not client.redirect_uri_allowed(form.cleaned_data["redirect_uri"]):
            raise errors.Invalid("the form was changed on its way; start again in the program")
        return super().form_valid(form)  # type: ignore[no-any-return]

    def form_invalid(self, form: Any) -> HttpResponseBase:
        raise errors.Invalid("the form was not complete; start again in the program")

    def render_to_response(self, context: dict[str, Any], **options: Any) -> HttpResponseBase:
        response: Any = super().render_to_response(context, **options)
        if target := context.get("redirect_uri"):
            # The answer to the form is a redirect to the program, which browsers count as a target of the form.
            where = urlsplit(target)
            response.form_target = f"{where.scheme}://{where.netloc}"
        return response  # type: ignore[no-any-return]


class Token(views.TokenView):  # type: ignore[misc]  # untyped
    """Tokens for codes, refresh tokens and keys."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        # The library looks at codes of devices here, with an answer of its own making; Validator.validate_device_code does.
        response: HttpResponse = self.authorization_flow_token_response(request)
        if entry := sign_ins.of_token(
            request, response.content if response.status_code == HTTPStatus.OK else b""
        ):
            audit.record(entry)
        return response


class DeviceAuthorization(views.DeviceAuthorizationView):  # type: ignore[misc]  # untyped
    """A code for a machine without a browser."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if clients.count_waiting_devices() >= MAX_DEVICES:
            raise errors.Unavailable(
                f"{MAX_DEVICES} devices are waiting for somebody already; try again later"
            )
        return super().post(request, *args, **kwargs)  # type: ignore[no-any-return]

    def create_device_authorization_response(self, request: HttpRequest) -> Any:
        headers, body, status = super().create_device_authorization_response(request)
        if status == HTTPStatus.OK:
            # oauthlib 4 adds what the toolkit 3.4 does not expect; the grant has the scope of the request.
            body.pop("scope", None)
        return headers, body, status


class UserCodeForm(DeviceGrantForm):  # type: ignore[misc]  # untyped
    """Takes a code as people type it."""

    def __init__(self, data: QueryDict | None = None, **options: Any) -> None:
        if data is not None:
            data = data.copy()
            data["user_code"] = "".join(char for char in data.get("user_code", "").upper() if char.isalnum())
        super().__init__(data=data, **options)


class Device(views.DeviceUserCodeView):  # type: ignore[misc]  # untyped
    """Asks for the code that the program shows."""

    template_name = "runs/sign_in/device.html"
    form_class = UserCodeForm


class DeviceConfirm(views.DeviceConfirmView):  # type: ignore[misc]  # untyped
    """Asks whether the program with this code may act in one's name."""

    template_name = "runs/sign_in/device_confirm.html"


class DeviceDone(views.DeviceGrantStatusView):  # type: ignore[misc]  # untyped
    """Says what was answered."""

    template_name = "runs/sign_in/device_done.html"


class Metadata(views.OAuthServerMetadataView):  # type: ignore[misc]  # untyped
    """Where all of this is, for programs that look for it (RFC 8414); the flyte client asks AuthMetadataService."""


class Revoke(views.RevokeTokenView):  # type: ignore[misc]  # untyped
    """Ends a token and all that came of it (RFC 7009)."""
