"""What waits for an image: its build is started where nobody else starts it, and where there is none to come, the action fails.

The client builds what it has modified before it submits. Nobody asks for an image of the SDK as it is; when its Python or flyte
is not the worker's, we start its build, a run of project `system`. Found and settled by the housekeeping.
"""

from __future__ import annotations

import hashlib

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from flyteidl2.core import literals_pb2
from flyteidl2.imagebuilder import definition_pb2
from flyteidl2.task import common_pb2, run_pb2

from runs.domain import images
from runs.domain.failures import Failure
from runs.domain.names import BUILD_PROJECT
from runs.domain.phases import Phase
from runs.domain.retries import Ending, How
from runs.domain.specs import NewRun
from runs.engine.book.book import open_run
from runs.engine.creation import create_run
from runs.engine.endings import end_attempt
from runs.engine.images import table
from runs.models import Action, Image, Pool
from runs.store import hints, storage
from runs.store.clock import wall_time

ACTOR = "flyteui"
NO_IMAGE = "ImageNotBuilt"
_State = Image.State


def find_due() -> list[int]:
    """Images to settle: what waits for one that nobody builds, and builds that have ended without one. One statement when all
    are built, else three, and one for each that is being built.
    """
    open_ones = Image.objects.filter(Q(environment="") | Q(state=_State.BUILDING))
    found = list(open_ones.values_list("pk", "state", "build_run_id", "environment"))
    if not found:
        return []
    waited_for = _waited_for()
    due = []
    for pk, state, run_id, environment in found:
        if state == _State.BUILDING:
            if not table.is_live(run_id):
                due.append(pk)
        elif not environment and pk in waited_for:
            due.append(pk)
    return due


def _waited_for() -> set[int]:
    """Images for which actions wait. At most two statements."""
    pools = list(Pool.objects.filter(table.NOT_BUILT).values_list("pk", "built_image_id"))
    if not pools:
        return set()
    queued = Action.objects.filter(phase=Phase.QUEUED, pool__in=[pk for pk, _ in pools]).order_by()
    waiting = set(queued.values_list("pool_id", flat=True).distinct())
    return {image_id for pk, image_id in pools if pk in waiting and image_id is not None}


def settle(due: list[int]) -> None:
    """Each in transactions of its own."""
    for image_id in due:
        with transaction.atomic():
            row = Image.objects.select_for_update().filter(pk=image_id).first()
            if row is None:
                continue
            if row.state == _State.BUILDING and not table.is_live(row.build_run_id):
                _build_ended(row)
            if row.state == _State.WANTED and row.pk in _waited_for():
                _start_build(row)
        if row.state in {_State.FAILED, _State.UNKNOWN} and not row.environment:
            _fail_waiting(row)


def _build_ended(row: Image) -> None:
    """Its run has ended without an environment. An older environment stays in use."""
    root = Action.objects.filter(run=row.build_run_id, parent=None).first()
    row.problem = "the run of its build was deleted"
    if root is not None:
        row.problem = root.error_message or f"its build was {Phase(root.phase).label.lower()}"
    row.state = _State.BUILT if row.environment else _State.FAILED
    row.save(update_fields=["state", "problem"])


def _start_build(row: Image) -> None:
    """A run of ours that builds an image of the SDK."""
    spec = definition_pb2.ImageSpec(base_image=row.name)
    project, domain = BUILD_PROJECT, build_domain()
    spec_uri = _store(project, domain, "spec.pb", spec.SerializeToString(deterministic=True))
    values = zip(images.INPUTS, (spec_uri, "", row.name), strict=True)
    inputs = common_pb2.Inputs(literals=[_text(name, value) for name, value in values])
    at = wall_time()
    run_spec = run_pb2.RunSpec()
    run_spec.run_start_time.FromDatetime(at)
    create_run(
        NewRun(
            project=project, domain=domain, task=images.build_task(), started_from=at, created_by=ACTOR,
            input_uri=_store(project, domain, "inputs.pb", inputs.SerializeToString(deterministic=True)),
            spec=run_spec.SerializeToString(deterministic=True), image=row.name,
        )
    )  # fmt: skip


def build_domain() -> str:
    """Where our own builds run: where the client looks for the task, if there is such a domain here."""
    return images.BUILD_DOMAIN if images.BUILD_DOMAIN in settings.DOMAINS else settings.DOMAINS[0]


def _store(project: str, domain: str, name: str, content: bytes) -> str:
    # A few bytes, once an image: not worth a step outside of the transaction.
    uri = storage.join(storage.inputs_uri(project, domain, hashlib.sha256(content).hexdigest()), name)
    storage.write_bytes(uri, content)
    return uri


def _text(name: str, value: str) -> common_pb2.NamedLiteral:
    literal = literals_pb2.Literal()
    literal.scalar.primitive.string_value = value
    return common_pb2.NamedLiteral(name=name, value=literal)


def _fail_waiting(row: Image) -> None:
    """End all that waits for this image. One of the SDK is tried again for the next action: what it lacked may be back."""
    waiting = Action.objects.filter(phase=Phase.QUEUED, pool__built_image=row).order_by("run_id", "pk")
    by_run: dict[int, list[int]] = {}
    for run_id, action_id in waiting.values_list("run_id", "pk"):
        by_run.setdefault(run_id, []).append(action_id)
    failure = Failure(NO_IMAGE, why_not(row), "user", recoverable=False)
    for run_id, action_ids in by_run.items():
        with transaction.atomic(), open_run(run_id) as book:
            for action in book.by_id(action_ids):
                if action.phase is Phase.QUEUED:
                    end_attempt(book, action, Ending(How.FAILED, failure), at=wall_time(), actor=ACTOR)
    if images.need_of(row.name, table.own_versions()).origin is images.Origin.SDK:
        Image.objects.filter(pk=row.pk, state=_State.FAILED).update(state=_State.WANTED)
    hints.publish(hints.WORKERS)


def why_not(row: Image) -> str:
    """Why nothing can run in this image, for the error of an action."""
    if row.state != _State.FAILED:
        return f"Image {row.name}: {row.problem}."
    by = f" by run {row.build_run.name}" if row.build_run else ""
    return f"Image {row.name} could not be built{by}: {row.problem}"
