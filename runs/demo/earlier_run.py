"""The earlier run of a demonstration: it failed, and the later one recovers from it and takes outputs from the cache. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice

from runs.demo.scripts import ERRORS, Script, ScriptedAttempt

FEW = 3  # leaves that are recovered, and as many that come from the cache


def split_earlier_run(scripts: Mapping[str, Script], key: str) -> tuple[dict[str, Script], dict[str, Script]]:
    """The scripts of the earlier run, and those of the run that takes from it.

    The first leaves of the first branch have succeeded in both, so they are recovered; the first ones of the second branch
    are the same calls, so they come from the cache. key: what the keys of the cache begin with. Where there are no such
    leaves, there is no earlier run.
    """
    branches = (leaves for leaves in (_leaves(one, scripts) for one in scripts.values()) if leaves)
    first, second = (*islice(branches, 2), [], [])[:2]
    done = first[: min(FEW, len(first) // 2)]
    if not done:
        return {}, dict(scripts)
    keys = [f"{key}-{number}" for number in range(len(done))]
    earlier = _chain(done, scripts) | _keyed(done, keys)
    return earlier, dict(scripts) | _keyed(second, keys)


def _leaves(script: Script, scripts: Mapping[str, Script]) -> list[Script]:
    """Those of its children that simply succeed."""
    children = (scripts[name] for name in script.children)
    return [
        one for one in children if not one.children and [attempt.error for attempt in one.attempts] == [None]
    ]


def _keyed(leaves: Iterable[Script], keys: Iterable[str]) -> dict[str, Script]:
    return {leaf.name: replace(leaf, cache_key=key) for leaf, key in zip(leaves, keys, strict=False)}


def _chain(done: list[Script], scripts: Mapping[str, Script]) -> dict[str, Script]:
    """What is above these leaves, from the root on, all of which has failed."""
    chain: list[Script] = []
    children, above = tuple(leaf.name for leaf in done), done[0].parent
    while above is not None:
        script = scripts[above]
        failed = (ScriptedAttempt(0.3, ERRORS[-1]),)
        chain.append(replace(script, children=children, attempts=failed, waits=True, aborted_after=None))
        children, above = (script.name,), script.parent
    return {script.name: script for script in reversed(chain)}
