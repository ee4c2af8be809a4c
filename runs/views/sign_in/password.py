"""Signing in with a name and a password, and signing out. An identity provider has a way of its own."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase, HttpResponseRedirect

from runs.access import gate
from runs.domain import errors
from runs.views.errors import error_page


class SignInForm(AuthenticationForm):
    """Django's, in our words."""

    error_messages = {  # noqa: RUF012 -- Django's class attribute
        "invalid_login": "This name and this password do not belong together. Upper and lower case count.",
        "inactive": "This user may not sign in any more.",
    }


class SignIn(LoginView):
    """The form. Where nobody signs in, the pages."""

    template_name = "runs/sign_in.html"
    form_class = SignInForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if gate.is_open() or getattr(request, "subject", None):
            return HttpResponseRedirect(self.get_success_url())
        if settings.AUTH == "oidc" and request.method == "POST":
            # The passwords of people are the provider's affair.
            return error_page(request, errors.Invalid("here one signs in at the identity provider"))
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        """provider: where one signs in instead of here."""
        provider = urlsplit(settings.OIDC.issuer).netloc if settings.AUTH == "oidc" else ""
        return super().get_context_data(**more, provider=provider)

    def form_invalid(self, form: Any) -> HttpResponse:
        """Django's answer, with the status that says what it is."""
        response = super().form_invalid(form)
        response.status_code = 401
        return response


class SignOut(LogoutView):
    """A POST ends the session."""
