"""Use cases of secrets: create, replace and delete them, and give a lease the values that its task asks for.

A value leaves the server in a lease only (`Vault.fill`), over the socket of the executor that runs the action. What is created
later or deleted meanwhile counts from the next lease on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from datetime import datetime

import msgspec
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from runs.domain.errors import AlreadyExists, NotFound
from runs.domain.failures import Failure
from runs.domain.secrets import (
    Kind,
    SecretRef,
    SecretRequest,
    candidates,
    check_ref,
    check_value,
    creating,
    is_name,
    server_variable,
)
from runs.models import Project, Run, Secret
from runs.protocol import frames
from runs.store import ciphers
from runs.store.clock import wall_time

NOT_FOUND, UNREADABLE, UNFIT = "SecretNotFound", "SecretUnreadable", "SecretNotText"
Clock = Callable[[], datetime]


def create_secret(
    ref: SecretRef, value: bytes, *, kind: Kind = Kind.REGULAR, actor: str = "", clock: Clock = wall_time
) -> None:
    """Keep a new secret. Raises Invalid, NotFound for its project, or AlreadyExists; of two at once one gets that."""
    check_value(check_ref(ref, settings.DOMAINS), value)
    try:
        with transaction.atomic():
            Secret.objects.create(
                project=_project_of(ref), domain=ref.domain, name=ref.name, kind=kind, created_by=actor, created_at=clock(),
                value=ciphers.encrypt(ref, value),
            )  # fmt: skip
    except IntegrityError as error:
        raise AlreadyExists(
            f"secret {ref.name!r} of {ref.scope} exists already; delete it first, or replace its value"
        ) from error


def replace_secret(ref: SecretRef, value: bytes, *, actor: str = "", clock: Clock = wall_time) -> None:
    """Give a secret another value. Raises Invalid or NotFound."""
    check_value(check_ref(ref, settings.DOMAINS), value)
    changes = {"value": ciphers.encrypt(ref, value), "updated_by": actor, "updated_at": clock()}
    if not rows_of([ref]).update(**changes):
        raise missing(ref)


def delete_secret(ref: SecretRef) -> None:
    """Forget a secret. What runs keeps what it has got. Raises Invalid or NotFound."""
    check_ref(ref, settings.DOMAINS)
    deleted, _ = rows_of([ref]).delete()
    if not deleted:
        raise missing(ref)


def renew_secrets() -> tuple[int, list[SecretRef]]:
    """Encrypt all values by the present key; returns how many it did, and those that no key reads."""
    renewed, unreadable = 0, []
    with transaction.atomic():
        for row in Secret.objects.select_for_update(of=("self",)).select_related("project").order_by("pk"):
            try:
                row.value = ciphers.renew(ref_of(row), bytes(row.value))
            except ciphers.Unreadable:
                unreadable.append(ref_of(row))
            else:
                row.save(update_fields=["value"])
                renewed += 1
    return renewed, unreadable


def list_unreadable() -> list[SecretRef]:
    """Those that no key of the server decrypts. One statement."""
    rows = Secret.objects.select_related("project").order_by("pk")
    return [ref_of(row) for row in rows if isinstance(_decrypted(row), ciphers.Unreadable)]


def missing(ref: SecretRef) -> NotFound:
    return NotFound(f"there is no secret {ref.name!r} of {ref.scope}")


def rows_of(refs: Iterable[SecretRef]) -> QuerySet[Secret]:
    """The rows of these secrets, those that there are."""
    wanted = Q(pk=None)
    for ref in refs:
        of_project = Q(project__name=ref.project) if ref.project else Q(project=None)
        wanted |= of_project & Q(domain=ref.domain, name=ref.name)
    return Secret.objects.filter(wanted)


def ref_of(row: Secret) -> SecretRef:
    return SecretRef(row.name, row.project.name if row.project else "", row.domain)


def _project_of(ref: SecretRef) -> Project | None:
    if not ref.project:
        return None
    project = Project.objects.filter(name=ref.project, is_archived=False).first()
    if project is None:
        raise NotFound(f"there is no project {ref.project!r}")
    return project


# --- the server's environment ------------------------------------------------------------------------------------------


def server_names() -> list[str]:
    """The secrets that FLYTEUI_SECRETS takes from the server's environment, without their values."""
    prefix = settings.SECRETS_PREFIX
    if not prefix:
        return []
    names = (
        name.removeprefix(prefix) for name, value in os.environ.items() if name.startswith(prefix) and value
    )
    return sorted(filter(is_name, names))


def _of_server(key: str) -> bytes | None:
    """The narrowest scope wins, and this one is the widest."""
    prefix = settings.SECRETS_PREFIX
    value = os.environ.get(server_variable(prefix, key), "") if prefix and is_name(key) else ""
    return os.fsencode(value) or None


# --- leases ------------------------------------------------------------------------------------------------------------


class Vault:
    """The secrets of the tasks of one run, read as they are asked for. Lives as long as the transaction that leases."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._known: dict[str, bytes | ciphers.Unreadable | None] = {}

    def fill(self, lease: frames.Lease, wanted: Collection[SecretRequest]) -> frames.Lease:
        """The lease with the values that its task asks for, or with the reason why it cannot begin. One statement, for new keys."""
        if not wanted:
            return lease
        self._read({request.key for request in wanted} - self._known.keys())
        given = [self._give(request) for request in wanted]
        if failure := _failure_of([one for one in given if isinstance(one, Failure)]):
            return msgspec.structs.replace(lease, problem=failure)
        return msgspec.structs.replace(
            lease, secrets=[one for one in given if isinstance(one, frames.SecretValue)]
        )

    def _read(self, keys: Collection[str]) -> None:
        refs = {
            ref: rank
            for key in keys
            if is_name(key)
            for rank, ref in enumerate(candidates(key, self._run.project.name, self._run.domain))
        }
        rows = rows_of(refs).select_related("project") if refs else []
        self._known |= {key: _of_server(key) for key in keys}
        for row in sorted(rows, key=lambda row: refs[ref_of(row)], reverse=True):
            self._known[row.name] = _decrypted(row)

    def _give(self, request: SecretRequest) -> frames.SecretValue | Failure:
        value = self._known[request.key]
        if value is None:
            return Failure(NOT_FOUND, self._not_found(request), "user", recoverable=False)
        if isinstance(value, ciphers.Unreadable):
            return Failure(
                UNREADABLE,
                f"Secret {request} was encrypted with a key that the server does not have any more. Add that key to "
                "FLYTEUI_SECRET_KEY_FALLBACKS, or delete the secret and create it anew.",
                "system",
                recoverable=False,
            )
        if request.variable and not _is_text(value):
            return Failure(
                UNFIT,
                f"Secret {request} is binary, and the environment variable {request.variable} holds text only: ask for it as "
                'a file, flyte.Secret(…, mount="/etc/flyte/secrets").',
                "user",
                recoverable=False,
            )
        return frames.SecretValue(request.key, request.variable, value)

    def _not_found(self, request: SecretRequest) -> str:
        first, *others = candidates(request.key, self._run.project.name, self._run.domain)
        places = [one.scope for one in (first, *others)]
        if settings.SECRETS_PREFIX:
            places.append(
                f"the server's environment ({server_variable(settings.SECRETS_PREFIX, request.key)})"
            )
        how = f"Create it: {creating(first)}" if is_name(first.name) else "No secret can be named so."
        return f"There is no secret {request} in {', '.join(places[:-1])} or {places[-1]}. {how}"


def _decrypted(row: Secret) -> bytes | ciphers.Unreadable:
    try:
        return ciphers.decrypt(ref_of(row), bytes(row.value))
    except ciphers.Unreadable as error:
        return error


def _is_text(value: bytes) -> bool:
    try:
        return "\0" not in value.decode()
    except UnicodeDecodeError:
        return False


def _failure_of(failures: list[Failure]) -> Failure | None:
    """One for all of them: with the code of the first."""
    if not failures:
        return None
    first = failures[0]
    return Failure(first.code, "\n".join(one.message for one in failures), first.kind, recoverable=False)
