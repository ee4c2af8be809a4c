"""Which inputs tell the children of an action apart, by their task. Pure.

It is kept with the parent while its children are enqueued, as a JSON object: by the task's name, the digest of the first call
and the names of the inputs that differ in any later one. So a row is made without reading the siblings of its action.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache

from runs.domain.inputs.digests import pair, read_digest, show_digest

MAX_SHOWN = 100  # characters: a frame has up to 100 rows, and each says it to screen readers, too
MAX_TASKS = 32  # of one parent; of calls of others all inputs are shown

Groups = Mapping[str, tuple[str, tuple[str, ...]]]


@lru_cache(maxsize=1024)
def read_groups(text: str) -> Groups:
    """By task: the digest of its first call, and the names of the inputs that differ."""
    found = json.loads(text) if text else {}
    return {task: (first, tuple(names)) for task, (first, names) in found.items()}


def with_child(text: str, task: str, digest: str) -> str:
    """What a parent keeps once this child was asked for, too; the same text when nothing is new."""
    if not digest or not task:
        return text
    groups = read_groups(text)
    if (group := groups.get(task)) is None:
        return text if len(groups) >= MAX_TASKS else _write({**groups, task: (digest, ())})
    first, names = group
    if digest == first:
        return text
    one, other = read_digest(first), read_digest(digest)
    more = [
        name for name in {**one, **other}
        if name not in names and (name not in one or name not in other or not _equal(one[name], other[name]))
    ]  # fmt: skip
    return _write({**groups, task: (first, (*names, *more))}) if more else text


def _equal(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


def _write(groups: Groups) -> str:
    return json.dumps(groups, ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=20_000)
def tell_apart(text: str, task: str, digest: str) -> str:
    """The inputs of a child in which it may differ from its siblings of the same task, `number=17 lr=0.0031`. text: its parent's."""
    if (group := read_groups(text).get(task)) is None:
        shown = show_digest(digest)
    else:
        names = frozenset(group[1])
        shown = " ".join(pair(*one) for one in read_digest(digest).items() if one[0] in names)
    return shown if len(shown) <= MAX_SHOWN else f"{shown[: MAX_SHOWN - 1]}…"
