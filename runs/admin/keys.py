"""API keys and tokens in the admin site: made and shown once, seen, and ended. Admins of a project manage the keys of it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from oauth2_provider.models import Application, Grant, IDToken

from runs.access.deeds import Deed
from runs.access.oauth import keys
from runs.admin.audited import actor_of
from runs.admin.by_project import ByProject
from runs.admin.read_only import ReadOnly
from runs.domain.roles import Role
from runs.models import APIKey, ProviderAccount

# Nobody makes clients or codes by hand; tokens stay, to be revoked.
for table in (Application, Grant, IDToken):
    admin.site.unregister(table)


class APIKeyForm(ModelForm):  # type: ignore[type-arg]
    """What a new key is to be."""

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if not name.isprintable():
            raise ValidationError("A name has printable characters only.")
        return name


@admin.register(APIKey)
class APIKeyAdmin(ByProject):
    """Keys of programs. One is shown when it is made, and never again; deleting it ends it."""

    deed = Deed.KEY
    list_display = ("name", "role", "project", "created_by", "created_at", "expires_at", "last_used_at")
    list_filter = ("role", "project")
    search_fields = ("name", "created_by")
    fields = ("name", "role", "project", "expires_at")
    form = APIKeyForm

    def target_of(self, thing: APIKey) -> str:
        return f"key {thing.name}: {self.role_of(thing)}"

    def save_model(self, request: Any, obj: APIKey, form: ModelForm[APIKey], change: bool) -> None:
        """A key is made here, and not changed afterwards."""
        made = keys.create_key(
            obj.name,
            Role(obj.role),
            project=obj.project.name if obj.project else None,
            expires_at=obj.expires_at,
            created_by=actor_of(request),
        )
        obj.pk = keys.id_of(made.name)
        request.made_key = made

    def response_add(self, request: Any, obj: APIKey, post_url_continue: str | None = None) -> HttpResponse:
        """The page with the key. It is in no message and no session, so it is nowhere when the page is closed."""
        context = {
            **self.admin_site.each_context(request),
            "title": f"Key {obj.name}",
            "key": request.made_key,
        }
        response = render(request, "admin/key_made.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def delete_model(self, request: HttpRequest, obj: APIKey) -> None:
        keys.revoke_key(obj.name)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[APIKey]) -> None:
        for key in queryset:
            keys.revoke_key(key.name)

    def has_change_permission(self, request: HttpRequest, obj: APIKey | None = None) -> bool:
        return False


@admin.register(ProviderAccount)
class ProviderAccountAdmin(ReadOnly):
    """Which account of the identity provider is which user."""

    list_display = ("user", "issuer", "subject")
    list_select_related = ("user",)
    search_fields = ("user__username", "subject")
