"""What all pages of the admin site share: who does it, and the entry of the audit for what they change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from runs.access import audit, gate
from runs.access.deeds import Deed
from runs.domain.roles import Role, Subject, Way

# Generic for the type checker only; Django's class is not.
if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[Any]
else:
    AnyModelAdmin = admin.ModelAdmin


def subject_of(request: Any) -> Subject:
    """Who works in the admin site; where nobody signs in but there, its own user."""
    if gate.is_open():
        name = request.user.get_username()
        return Subject(name, name, Way.ADMIN, everywhere=Role.ADMIN)
    subject: Subject = request.subject
    return replace(subject, way=Way.ADMIN)


def actor_of(request: HttpRequest) -> str:
    """As rows have it; where nobody signs in, the name alone."""
    subject = subject_of(request)
    return subject.name if gate.is_open() else subject.actor


def tell(request: HttpRequest, deed: Deed, *, target: str, project: str = "", note: str = "") -> None:
    audit.record(audit.entry_of(subject_of(request), deed, target=target, project=project, note=note))


class Audited(AnyModelAdmin):
    """Adds, changes and deletions get an entry of the audit beside that of Django's own log."""

    deed = Deed.ADMINISTER
    list_per_page = 50

    def target_of(self, thing: Any) -> str:
        return f"{self.opts.verbose_name} {thing}"

    def project_of(self, thing: Any) -> str:
        return ""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        tell(request, self.deed, target=self.target_of(obj), project=self.project_of(obj), note="added")
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        tell(request, self.deed, target=self.target_of(obj), project=self.project_of(obj), note="changed")
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Any]) -> Any:
        for thing in queryset:
            deed = Deed.DELETE if self.deed is Deed.ADMINISTER else self.deed
            tell(request, deed, target=self.target_of(thing), project=self.project_of(thing), note="deleted")
        return super().log_deletions(request, queryset)  # type: ignore[arg-type]
