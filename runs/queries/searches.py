"""Which actions of a run: those of a name, with a text, with inputs as a filter says, those that failed. Ids; rows.py has the rows."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

from django.db.models import Q, QuerySet

from runs.domain.inputs.conditions import GROUP, TASK, InputSearch, read_search
from runs.domain.inputs.digests import read_digest
from runs.domain.phases import Phase
from runs.models import Action
from runs.store.bulk import chunks

_OWN = {TASK: "task_name", GROUP: "group"}  # columns, by the words of a filter


def find_ids(run_id: int, names: Collection[str]) -> dict[str, int]:
    """The ids of those of these actions that there are. One statement for each 900."""
    ids: dict[str, int] = {}
    wanted = iter(names)
    while chunk := list(islice(wanted, 900)):
        ids.update(Action.objects.filter(run_id=run_id, name__in=chunk).values_list("name", "pk"))
    return ids


def list_names(ids: Collection[int]) -> list[str]:
    """The names of these actions. One statement for each 900."""
    return [
        name
        for chunk in chunks(list(ids))
        for name in Action.objects.filter(pk__in=chunk).values_list("name", flat=True)
    ]


def search(run_id: int, text: str, *, after: int = 0) -> list[int]:
    """The ids of the actions with this text in a name: of function, environment, action or group; or with task, group and inputs as it says.

    after: only those with a higher id.
    One statement, one more when it compares something.
    """
    actions = Action.objects.filter(run_id=run_id, pk__gt=after)
    found = set(actions.filter(_named(text)).values_list("pk", flat=True))
    wanted = read_search(text)
    if wanted.conditions:
        found.update(_with_inputs(actions, wanted))
    return list(found)


def _named(text: str) -> Q:
    match = Q(task_name__icontains=text) | Q(short_name__icontains=text) | Q(name__icontains=text)
    return match | Q(group__icontains=text)


def _with_inputs(actions: QuerySet[Action], wanted: InputSearch) -> list[int]:
    """One statement: the database finds those that have such inputs, and they are compared here."""
    if wanted.words:
        actions = actions.filter(_named(wanted.words))
    for one in wanted.conditions:
        has_input = Q(input_digest__contains=f'"{one.name}":')
        if (column := _OWN.get(one.name)) is None:
            actions = actions.filter(has_input)
        elif one.test == "=":
            actions = actions.filter(Q(**{column: one.value}) | has_input)
    rows = actions.values_list("pk", "input_digest", *_OWN.values())
    return [
        pk
        for pk, digest, *own in rows.iterator(chunk_size=5000)
        if wanted.matches(read_digest(digest), dict(zip(_OWN, own, strict=True)))
    ]


def list_failed_by_end(run_id: int) -> list[int]:
    """The ids of what failed or timed out, the first to end first. One statement, on the index of the run."""
    failed = Action.objects.filter(run_id=run_id, phase__in=[Phase.FAILED, Phase.TIMED_OUT])
    return list(failed.order_by("ended_at", "pk").values_list("pk", flat=True))
