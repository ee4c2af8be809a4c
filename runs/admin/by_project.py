"""Rows of the admin site that belong to a project, or to all: admins of a project manage those of it, and see no others."""

from __future__ import annotations

from typing import Any

from django.db.models import ForeignKey, QuerySet
from django.http import HttpRequest

from runs.access import gate, members
from runs.admin.audited import Audited, subject_of
from runs.domain.roles import Role, has_role, projects_with


class ByProject(Audited):
    """For models with a role and a project, which is None for all of them."""

    list_select_related = ("project",)

    def role_of(self, thing: Any) -> str:
        where = f"in {thing.project.name}" if thing.project else "in all projects"
        return f"{Role(thing.role).label} {where}"

    def project_of(self, thing: Any) -> str:
        return thing.project.name if thing.project else ""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request)
        projects = projects_with(subject_of(request), Role.ADMIN)
        return found if projects is None else found.filter(project__name__in=projects)

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any], request: HttpRequest, **options: Any
    ) -> Any:
        """Projects of which whoever asks is admin. None, which means all, is for an admin of all."""
        if db_field.name == "project":
            projects = projects_with(subject_of(request), Role.ADMIN)
            if projects is not None:
                options |= {"queryset": members.projects_named(projects), "required": True}
        return super().formfield_for_foreignkey(db_field, request, **options)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._may(request, None)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._may(request, None)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, obj)

    def _may(self, request: HttpRequest, thing: Any) -> bool:
        subject = subject_of(request)
        if thing is None:
            return gate.is_admin_somewhere(subject)
        return has_role(subject, Role.ADMIN, self.project_of(thing) or None)
