"""Files of the storage: those of deleted runs, and those that nothing refers to any more.

A file is used when a row names it, or a folder above it, or when what a run was given, or what another run has taken over, names it.
What user code finds by an address of its own making is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event

from django.conf import settings
from django.db.models import F, Q
from flyteidl2.task import common_pb2, task_definition_pb2
from google.protobuf.message import Message

from runs.domain.errors import Invalid
from runs.domain.names import RunRef
from runs.engine import locks
from runs.engine.retention.periods import Retention
from runs.models import Action, CacheEntry, Deletion, Pool, Project, Run, TaskSpec
from runs.store import storage, trees
from runs.store.addresses import find_addresses
from runs.store.clock import wall_time

BACKUP_LOCK = "backup"
INCOMING_SECONDS = 24 * 3600.0  # an upload that takes longer was given up
SHARED = ("_uploads", "_inputs", "_raw")  # each with <project>/<domain>/ below
_DELETED = Q(run__domain="")


@dataclass(slots=True)
class Marks:
    """What rows refer to, and the stored messages in which more may be named."""

    uses: trees.Uses = field(default_factory=trees.Uses)
    inputs: set[str] = field(default_factory=set)
    outputs: set[str] = field(default_factory=set)
    scopes: list[tuple[str, str]] = field(default_factory=list)  # project and domain


def read_marks() -> Marks:
    """All that living rows name. Six statements; those about actions read partial indexes."""
    marks = Marks()
    for base, raw in Run.objects.exclude(domain="").values_list("base_uri", "raw_data_prefix").iterator():
        marks.uses.add_address(base)
        marks.uses.add_address(raw)
    roots = Action.objects.filter(parent=None).exclude(_DELETED)
    marks.inputs.update(roots.exclude(input_uri="").values_list("input_uri", flat=True).iterator())
    taken = Action.objects.filter(source__gt="").exclude(_DELETED)
    marks.outputs.update(taken.values_list("output_uri", flat=True).distinct().iterator())
    marks.outputs.update(CacheEntry.objects.values_list("output_uri", flat=True).iterator())
    for bundle in Pool.objects.values_list("bundle_uri", flat=True):
        marks.uses.add_address(bundle)
    for spec in TaskSpec.objects.values_list("spec", flat=True).iterator(chunk_size=50):
        for path in find_addresses(task_definition_pb2.TaskSpec, bytes(spec), settings.STORAGE_URL):
            marks.uses.add(path)
    projects = set(Project.objects.values_list("name", flat=True))
    domains = {*settings.DOMAINS, *Run.objects.exclude(domain="").values_list("domain", flat=True).distinct()}
    deleted = Deletion.objects.values_list("project", "domain").distinct()
    marks.scopes = sorted({(project, domain) for project in projects for domain in domains} | set(deleted))
    return marks


def read_uses(marks: Marks) -> trees.Uses:
    """With what the stored inputs and outputs name. Reads the storage and no database."""
    for address in marks.inputs:
        _read_message(marks.uses, address, common_pb2.Inputs)
    for address in marks.outputs:
        # Of a task the folder, of a trace the file.
        file = address if address.endswith(".pb") else storage.join(address, "outputs.pb")
        marks.uses.add_address(address)
        _read_message(marks.uses, file, common_pb2.Outputs)
    return marks.uses


def _read_message(uses: trees.Uses, address: str, kind: type[Message]) -> None:
    uses.add_address(address)
    try:
        data = storage.read_bytes(address)
    except Invalid:  # written when the storage was elsewhere
        return
    for path in find_addresses(kind, data or b"", settings.STORAGE_URL):
        uses.add(path)


def find_uncleared() -> list[tuple[int, RunRef]]:
    """Deleted runs without rows, whose files are left. Nothing while a backup reads the files."""
    if is_backed_up():
        return []
    left = Deletion.objects.filter(cleared_at=None, run=None).order_by("pk")
    return [(pk, RunRef(*names)) for pk, *names in left.values_list("pk", "project", "domain", "name")]


def is_backed_up() -> bool:
    """Whether a backup is being made, so that files must stay."""
    return bool(locks.held(BACKUP_LOCK))


def folders_of(ref: RunRef) -> list[str]:
    """The folders of a run, in places that are ours; those that a user has named are the user's."""
    scope = f"{ref.project}/{ref.domain}/{ref.name}"
    return [scope, f"_raw/{scope}"]


def clear_files(ref: RunRef, uses: trees.Uses, stop: Event) -> trees.Freed:
    """Remove the files of a deleted run, from the storage alone. Raises trees.Stopped."""
    clearance = trees.Clearance(uses, stop=stop)
    for folder in folders_of(ref):
        clearance.clear(folder)
    return clearance.freed


def note_cleared(deletion_id: int, freed: trees.Freed) -> None:
    Deletion.objects.filter(pk=deletion_id).update(
        cleared_at=wall_time(), kept_files=freed.kept, freed_bytes=F("freed_bytes") + freed.bytes
    )


def clear_unused(
    marks: Marks, uses: trees.Uses, retention: Retention, stop: Event, *, dry_run: bool = False
) -> trees.Freed:
    """Remove what nothing has used for as long as `retention` says, and uploads that were given up. Raises trees.Stopped.

    On local disks only: an object store has rules of its own for that.
    """
    now, freed = wall_time().timestamp(), trees.Freed()
    if not trees.is_storage_local():
        return freed
    trees.Clearance(trees.Uses(), now - INCOMING_SECONDS, dry_run, stop, freed).clear(trees.INCOMING)
    for project, domain in marks.scopes:
        span = retention.of(project)
        if span is None:
            continue
        clearance = trees.Clearance(uses, now - span.total_seconds(), dry_run, stop, freed)
        for folder in _folders(project, domain):
            clearance.clear(folder)
    return freed


def _folders(project: str, domain: str) -> Iterator[str]:
    """Each folder apart, so that those of the scope itself stay."""
    for top in ("", *SHARED):
        for name in trees.list_folders(top, project, domain) if top else trees.list_folders(project, domain):
            yield "/".join(filter(None, (top, project, domain, name)))
