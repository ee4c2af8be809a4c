"""Members, users and the audit in the admin site. Admins of a project manage the members of it, and see nothing else there."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User

from runs.access.deeds import Deed
from runs.admin.audited import Audited
from runs.admin.by_project import ByProject
from runs.admin.read_only import ReadOnly
from runs.models import AuditEntry, Member

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(Member)
class MemberAdmin(ByProject):
    """Who has which role where."""

    deed = Deed.MEMBER
    list_display = ("name", "kind", "project", "role")
    list_filter = ("role", "kind", "project")
    search_fields = ("name",)

    def target_of(self, thing: Member) -> str:
        return f"{thing.kind} {thing.name}: {self.role_of(thing)}"


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly):
    """Who did what. The page /audit/ shows it, too."""

    list_display = ("at", "name", "way", "deed", "outcome", "target")
    list_filter = ("deed", "outcome", "way", "project")
    search_fields = ("name", "subject", "behalf", "target")
    date_hierarchy = "at"


@admin.register(User)
class AuditedUserAdmin(Audited, UserAdmin):  # type: ignore[type-arg]
    """Who may sign in, as Django shows it. A superuser is admin of all projects."""

    deed = Deed.MEMBER


@admin.register(Group)
class AuditedGroupAdmin(Audited, GroupAdmin):
    """Groups, among them those that an identity provider tells of."""

    deed = Deed.MEMBER
