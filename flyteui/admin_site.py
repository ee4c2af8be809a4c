"""Django's admin site behind our gate: who may enter, and where one signs in.

Where nobody signs in (FLYTEUI_AUTH=none) it stays as Django made it, with a sign-in of its own.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import apps
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from runs.access import gate


class AdminConfig(apps.AdminConfig):
    """`django.contrib.admin` with our site."""

    default_site = "flyteui.admin_site.AdminSite"


class AdminSite(admin.AdminSite):
    """Entered by whoever has the role admin somewhere; what there is to see of it, each page says (runs/admin/)."""

    def has_permission(self, request: Any) -> bool:
        if gate.is_open():
            return super().has_permission(request)
        is_admin = request.subject is not None and gate.is_admin_somewhere(request.subject)
        return is_admin and request.user.is_authenticated

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if gate.is_open():
            return super().login(request, extra_context)
        # Whoever comes here is signed in already, but not as an admin: the page of the audit says which role is missing.
        return redirect("audit")
