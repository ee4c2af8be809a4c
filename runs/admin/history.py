"""Runs and what belongs to them in the admin site: to look at, to abort, to drain."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html

from runs.access.deeds import Deed
from runs.admin.aborting import ask_and_abort, describe
from runs.admin.audited import Audited, actor_of, tell
from runs.admin.read_only import ReadOnly, ReadOnlyInline
from runs.domain.addresses.pages import action_path, run_path
from runs.domain.names import ROOT, ActionRef, RunRef
from runs.domain.phases import LIVE
from runs.engine.executors import scheduling
from runs.models import (
    Abort,
    Action,
    ActionEvent,
    Attempt,
    CacheEntry,
    Executor,
    Image,
    Manner,
    Pool,
    Project,
    Run,
)

admin.site.site_header = "flyteui admin"
admin.site.site_title = "flyteui"
admin.site.index_title = "What the server holds"


def link_to(thing: Model | None) -> str:
    """The admin page of a related object."""
    if thing is None:
        return "–"
    url = reverse(f"admin:{thing._meta.app_label}_{thing._meta.model_name}_change", args=[thing.pk])
    return format_html('<a href="{}">{}</a>', url, thing)


def ref_of(run: Run) -> RunRef:
    return RunRef(run.project.name, run.domain, run.name)


class EventInline(ReadOnlyInline):
    """The history of an action."""

    model = ActionEvent
    fk_name = "action"
    fields = ("seq", "from_phase", "to_phase", "attempt", "cause", "actor", "at")
    ordering = ("id",)


class AttemptInline(ReadOnlyInline):
    """The starts of an action."""

    model = Attempt
    fields = (
        "number",
        "lease_epoch",
        "executor",
        "leased_at",
        "started_at",
        "ended_at",
        "outcome",
        "error_code",
    )
    ordering = ("lease_epoch",)


@admin.register(Action)
class ActionAdmin(ReadOnly):
    """Nodes of runs."""

    list_display = (
        "name",
        "short_name",
        "phase",
        "run",
        "parent_link",
        "attempt",
        "created_at",
        "ended_at",
        "abort",
    )
    list_filter = ("phase", "kind", "run__project", "run__domain")
    list_select_related = ("run", "parent", "abort")
    search_fields = ("name", "short_name", "task_name", "run__name", "error_message")
    date_hierarchy = "created_at"
    readonly_fields = ("page", "parent_link", "run_link")
    exclude = ("detail", "value", "parent", "run")
    inlines: ClassVar = [AttemptInline, EventInline]
    actions = ("abort_selected",)

    @admin.display(description="parent")
    def parent_link(self, action: Action) -> str:
        return link_to(action.parent)

    @admin.display(description="run")
    def run_link(self, action: Action) -> str:
        return link_to(action.run)

    @admin.display(description="in the dashboard")
    def page(self, action: Action) -> str:
        return format_html(
            '<a href="{}">{}</a>', action_path(ActionRef(ref_of(action.run), action.name)), action.name
        )

    @admin.action(description="Abort selected actions, with everything below them", permissions=["operate"])
    def abort_selected(self, request: HttpRequest, queryset: QuerySet[Action]) -> HttpResponse | None:
        found = queryset.select_related("run__project")
        live = [ActionRef(ref_of(action.run), action.name) for action in found if action.phase in LIVE]
        return ask_and_abort(request, self, live, ended=len(found) - len(live))


@admin.register(Run)
class RunAdmin(ReadOnly):
    """Submissions."""

    list_display = ("name", "project", "domain", "created_by", "created_at", "page")
    list_filter = ("project", "domain")
    list_select_related = ("project",)
    search_fields = ("name", "created_by")
    date_hierarchy = "created_at"
    readonly_fields = ("page",)
    exclude = ("spec",)
    actions = ("abort_selected",)

    @admin.display(description="in the dashboard")
    def page(self, run: Run) -> str:
        return format_html('<a href="{}">open</a>', run_path(ref_of(run)))

    @admin.action(description="Abort selected runs", permissions=["operate"])
    def abort_selected(self, request: HttpRequest, queryset: QuerySet[Run]) -> HttpResponse | None:
        found = queryset.select_related("project")
        live = found.filter(actions__name=ROOT, actions__phase__in=sorted(LIVE))
        refs = [ref_of(run) for run in live]
        return ask_and_abort(request, self, refs, ended=len(found) - len(refs))


@admin.register(Attempt)
class AttemptAdmin(ReadOnly):
    """Starts."""

    list_display = ("action", "number", "outcome", "executor", "started_at", "ended_at")
    list_filter = ("outcome", "action__run__project")
    list_select_related = ("action", "executor")
    search_fields = ("action__name", "action__run__name", "error_message")


@admin.register(Abort)
class AbortAdmin(ReadOnly):
    """Requests to stop."""

    list_display = ("target", "run", "scope", "cause", "actor", "reason", "requested_at")
    list_filter = ("cause", "scope", "run__project")
    list_select_related = ("target", "run")
    search_fields = ("actor", "reason", "run__name", "target__name")
    date_hierarchy = "requested_at"


@admin.register(CacheEntry)
class CacheEntryAdmin(ReadOnly):
    """Outputs that are kept. Deleting an entry forgets them: the next call computes them again."""

    list_display = ("key", "source", "created_at")
    search_fields = ("key", "source")
    date_hierarchy = "created_at"

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super(ReadOnly, self).has_delete_permission(request, obj)


@admin.register(Manner)
class MannerAdmin(ReadOnly):
    """Tasks whose actions run alone, and why. Deleting one lets the task share a process again."""

    list_display = ("task_name", "project", "domain", "detail", "run_name", "seen_at", "clean_executions")
    list_filter = ("kind", "project", "domain")
    list_select_related = ("project",)
    search_fields = ("task_name", "detail", "run_name")
    date_hierarchy = "seen_at"

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super(ReadOnly, self).has_delete_permission(request, obj)


@admin.register(Executor)
class ExecutorAdmin(ReadOnly):
    """Processes that hold actions."""

    list_display = (
        "__str__",
        "state",
        "pool",
        "worker",
        "host",
        "pid",
        "capacity",
        "connected_at",
        "ended_at",
    )
    list_filter = ("state", "worker")
    list_select_related = ("pool",)
    search_fields = ("id", "worker", "host", "pool__key")
    actions = ("drain_selected",)

    @admin.action(
        description="Drain selected executors: they leave once they hold nothing", permissions=["operate"]
    )
    def drain_selected(self, request: HttpRequest, queryset: QuerySet[Executor]) -> None:
        answers = [scheduling.drain_executor(executor.pk, actor=actor_of(request)) for executor in queryset]
        for executor in queryset:
            tell(request, Deed.DRAIN, target=str(executor.pk))
        self.message_user(request, f"Drain: {describe(answer.outcome for answer in answers)}.")


@admin.register(Image)
class ImageAdmin(ReadOnly):
    """Images that became Python environments, or are to."""

    list_display = ("name", "state", "python", "flyte", "built_at", "used_at")
    list_filter = ("state",)
    search_fields = ("name",)


@admin.register(Pool)
class PoolAdmin(ReadOnly):
    """Sets of actions that can share a process."""

    list_display = ("__str__", "image", "bundle_uri", "created_at")
    search_fields = ("key", "bundle_uri", "image")
    # Environment variables may hold secrets.
    exclude = ("env",)


@admin.register(Project)
class ProjectAdmin(Audited):
    """Namespaces: these may be made, described and archived, not deleted with all their runs."""

    deed = Deed.PROJECT
    list_display = ("name", "display_name", "is_archived", "created_at")
    list_filter = ("is_archived",)
    search_fields = ("name", "display_name")

    def has_delete_permission(self, request: HttpRequest, obj: Project | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Project | None = None) -> tuple[str, ...]:
        return ("name", "created_at") if obj else ("created_at",)
