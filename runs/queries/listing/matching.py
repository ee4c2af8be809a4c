"""The runs that match a listing, as a QuerySet: fields, the words of the search box, the inputs that it compares."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from datetime import datetime

from django.db import connection
from django.db.models import Exists, F, Func, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast

from runs.domain.inputs.conditions import TASK, Condition, read_search
from runs.domain.inputs.digests import decode
from runs.domain.listings import ME, Listing
from runs.domain.names import ROOT
from runs.domain.phases import Phase
from runs.models import Action, Run
from runs.queries.listing.texts import find_runs

MAX_WORDS = 8
KEPT_SEARCHES = 32
# Newest first: what a comparison of inputs may find. So many ids fit into one statement.
MAX_FOUND = 20_000


def matching(project: str, domain: str, listing: Listing, now: datetime, me: str = "") -> QuerySet[Run]:
    """The runs of a project and domain that match. me: whose runs `who=me` are. A few statements when it searches (texts.py), one when it compares inputs."""
    runs = Run.objects.filter(project__name=project, domain=domain).defer("spec")
    since, until = listing.span(now)
    if since:
        runs = runs.filter(created_at__gte=since)
    if until:
        runs = runs.filter(created_at__lt=until)
    if listing.who:
        runs = (
            runs.filter(created_by=me)
            if listing.who == ME
            else runs.filter(created_by__icontains=listing.who)
        )
    if listing.label:
        runs = _with_label(runs, *listing.label_pair)
    if listing.q:
        runs = _with_text(runs, (project, domain), listing.q)
    if listing.phases or listing.task:
        is_wanted = Q(Exists(_roots(listing.phases, listing.task)))
        if Phase.PAUSED in listing.phases:
            of_task = Q(Exists(_roots(frozenset(), listing.task))) if listing.task else Q()
            is_wanted |= needs_answer() & of_task
        runs = runs.filter(is_wanted)
    return runs


def needs_answer() -> Q:
    """Whether a condition waits in a run."""
    return Q(Exists(Action.objects.filter(run=OuterRef("pk"), phase=Phase.PAUSED)))


def _roots(phases: frozenset[Phase], task: str = "") -> QuerySet[Action]:
    """The root of a run of the outer query, if it matches."""
    roots = Action.objects.filter(run=OuterRef("pk"), name=ROOT)
    if phases:
        roots = roots.filter(phase__in=sorted(phases))
    if task:
        roots = roots.filter(Q(task_name__icontains=task) | Q(short_name__icontains=task))
    return roots


def _with_label(runs: QuerySet[Run], key: str, value: str | None) -> QuerySet[Run]:
    runs = runs.alias(label=_label(key))
    return runs.filter(label__isnull=False) if value is None else runs.filter(label=value)


def _label(key: str) -> Func:
    """The value of a label, or NULL. A key may hold dots and be a number, so it is never taken for a path."""
    if connection.vendor == "sqlite":
        path = Value(f"$.{json.dumps(key)}")
        return Func(F("labels"), path, function="JSON_EXTRACT", output_field=TextField())
    return Func(
        F("labels"), Value(key), template="(%(expressions)s)", arg_joiner=" ->> ", output_field=TextField()
    )


def _with_text(runs: QuerySet[Run], scope: tuple[str, str], text: str) -> QuerySet[Run]:
    """Those in which each word is somewhere, and whose inputs (or, of `key=value`, a label, and of `task=name` the task) are as the text says."""
    said = read_search(text)
    if words := said.words.split()[:MAX_WORDS]:
        runs = _with_words(runs, words)
    for condition in said.conditions[:MAX_WORDS]:
        is_wanted = Q(pk__in=_searches.find(scope, condition))
        if condition.test == "=":
            key = f"label_{len(runs.query.annotations)}"
            runs = runs.alias(**{key: _label(condition.name)})
            is_wanted |= Q(**{key: condition.value})
        if condition.test == "=" and condition.name == TASK:
            is_wanted |= Q(Exists(_roots(frozenset()).filter(task_name=condition.value)))
        runs = runs.filter(is_wanted)
    return runs


def _with_words(runs: QuerySet[Run], words: Sequence[str]) -> QuerySet[Run]:
    """Those that have all of these words: found in memory, and what is too old for that in what runs have themselves."""
    ids, oldest = find_runs(words)
    if not oldest:
        return runs.filter(pk__in=_among(ids)) if ids else runs.none()
    older = Q(pk__lt=oldest)
    for word in words:
        older &= _has(word)
    runs = runs.alias(labels_text=Cast("labels", TextField()))
    return runs.filter(Q(pk__in=_among(ids)) | older)


def _has(word: str) -> Q:
    """Whether a run has this word: its name, labels and creator, its task, the error or the inputs of its root."""
    # SQLite keeps JSON as Django writes it, in ASCII.
    in_labels = Q(labels_text__icontains=word) | Q(labels_text__icontains=json.dumps(word)[1:-1])
    roots = Action.objects.filter(run=OuterRef("pk"), name=ROOT).filter(
        Q(task_name__icontains=word)
        | Q(short_name__icontains=word)
        | Q(error_code__icontains=word)
        | Q(error_message__icontains=word)
        | Q(input_digest__icontains=word)
    )
    return Q(name__icontains=word) | Q(created_by__icontains=word) | in_labels | Q(Exists(roots))


def _among(ids: list[int]) -> RawSQL:
    """These ids as one parameter, however many there are."""
    rows = (
        "SELECT value FROM JSON_EACH(%s)"
        if connection.vendor == "sqlite"
        else "SELECT JSONB_ARRAY_ELEMENTS(%s::jsonb)::bigint"
    )
    return RawSQL(rows, [json.dumps(ids)])  # noqa: S611 -- one of two constants


class _Searches:
    """Which runs were given inputs as a condition says. Inputs never change, so of each search only newer runs are read again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[tuple[tuple[str, str], Condition], tuple[tuple[int, ...], int]] = {}

    def find(self, scope: tuple[str, str], condition: Condition) -> tuple[int, ...]:
        """The ids of at most MAX_FOUND runs, the newest. One statement."""
        key = scope, condition
        with self._lock:
            found, upto = self._found.get(key, ((), 0))
        newer, last = _given(scope, condition, upto)
        found = (*found, *newer)[-MAX_FOUND:]
        with self._lock:
            if len(self._found) >= KEPT_SEARCHES:
                self._found.clear()
            self._found[key] = found, max(upto, last)
        return found

    def clear(self) -> None:
        with self._lock:
            self._found.clear()


def _given(scope: tuple[str, str], condition: Condition, after: int) -> tuple[list[int], int]:
    """The runs whose root has a higher id and was given such an input; and the last id that was looked at."""
    project, domain = scope
    roots = Action.objects.filter(run__project__name=project, run__domain=domain, name=ROOT, pk__gt=after)
    roots = roots.filter(input_digest__contains=f'"{condition.name}":').order_by("pk")
    found: list[int] = []
    last = after
    for pk, run_id, digest in roots.values_list("pk", "run_id", "input_digest").iterator(chunk_size=5000):
        last = pk
        if condition.matches(decode(digest)):
            found.append(run_id)
    return found, last


_searches = _Searches()
