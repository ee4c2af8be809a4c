"""Reads of secrets: their names, where they are and who made them. Their values are read by the engine alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from runs.domain.secrets import Kind, SecretRef
from runs.engine.secrets import missing, ref_of, rows_of, server_names
from runs.models import Secret

ENVIRONMENT = "environment of the server"


@dataclass(frozen=True, slots=True)
class SecretView:
    """A secret without its value. source: "" for one that was created here; else where the server has it from."""

    ref: SecretRef
    kind: Kind = Kind.REGULAR
    created_by: str = ""
    created_at: datetime | None = None
    updated_by: str = ""
    updated_at: datetime | None = None
    source: str = ""


def get_secret(ref: SecretRef) -> SecretView:
    """One secret of exactly this scope, or NotFound. One statement."""
    row = _without_value(rows_of([ref])).first()
    if row is not None:
        return _view(row)
    if not ref.domain and ref.name in server_names():
        return SecretView(ref, source=ENVIRONMENT)
    raise missing(ref)


def list_secrets(
    project: str = "", domain: str = "", projects: Collection[str] | None = None
) -> list[SecretView]:
    """Those of a project or a domain, or all, by name. One statement.

    projects: those that the reader may see, with what all projects have; None means all, and nobody sees without one.
    """
    rows = Secret.objects.all()
    if projects is not None:
        rows = rows.filter(Q(project=None) | Q(project__name__in=projects)) if projects else rows.none()
    if project:
        rows = rows.filter(project__name=project)
    if domain:
        rows = rows.filter(domain=domain)
    found = [_view(row) for row in _without_value(rows)]
    if not project and not domain and (projects is None or projects):
        found = _with_servers(found)
    return sorted(found, key=lambda view: (view.ref.name, view.ref.project, view.ref.domain))


def list_usable(project: str, domain: str) -> list[SecretView]:
    """What a task of this project and domain can get, by name: where one name is in several scopes, the narrowest. One statement."""
    of_project = Q(project__name=project, domain=domain)
    rows = Secret.objects.filter(of_project | Q(project=None, domain__in=["", domain]))
    views = _with_servers([_view(row) for row in _without_value(rows)])
    # The widest first, so that a narrower one takes its place.
    ordered = sorted(views, key=lambda view: (bool(view.ref.project), view.ref.domain, not view.source))
    by_name = {view.ref.name: view for view in ordered}
    return [by_name[name] for name in sorted(by_name)]


def _without_value(rows: QuerySet[Secret]) -> QuerySet[Secret]:
    return rows.select_related("project").defer("value")


def _view(row: Secret) -> SecretView:
    return SecretView(
        ref_of(row), Kind(row.kind), row.created_by, row.created_at, row.updated_by, row.updated_at
    )


def _with_servers(found: list[SecretView]) -> list[SecretView]:
    """And those of the server's environment, but for those that the organisation has under the same name."""
    known = {view.ref for view in found}
    refs = [ref for name in server_names() if (ref := SecretRef(name)) not in known]
    return [*found, *(SecretView(ref, source=ENVIRONMENT) for ref in refs)]
