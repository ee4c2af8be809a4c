"""`manage.py compatibility`: write the tables of docs/compatibility.md that are made of our own."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from runs.domain.declared import table
from runs.domain.declared.plugins import PLUGINS
from runs.domain.declared.services import METHODS, SERVICES
from runs.domain.declared.table import Entry, Standing, Tree

PATH = settings.ROOT / "docs" / "compatibility.md"
PART = re.compile(r"(<!-- made: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


class Command(BaseCommand):
    """Write those tables, or check that they are fresh. What stands between them is written by hand."""

    help = "Write the tables of docs/compatibility.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="write nothing; exit 1 when the file is stale"
        )

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        del args, options
        there = PATH.read_text()
        fresh = PART.sub(lambda part: part[1] + "\n".join(TABLES[part[2]]()) + "\n" + part[3], there)
        if not check:
            PATH.write_text(fresh)
        elif fresh != there:
            raise SystemExit("docs/compatibility.md is stale: run `python manage.py compatibility`")


def _of_tree(tree: Tree) -> Callable[[], Iterator[str]]:
    return lambda: _rows(_entries(tree))


def _pod() -> Iterator[str]:
    single = (table.SIDECARS, table.VARIABLE_FROM, table.ANOTHER_SETTING)
    return _rows([*table.POD.values(), *table.PRIMARY.values(), *single])


def _resources() -> Iterator[str]:
    return _rows([*table.RESOURCES.values(), table.ANOTHER_RESOURCE])


def _entries(tree: Tree) -> Iterator[Entry]:
    for one in tree.values():
        if isinstance(one, Entry):
            yield one
        else:
            yield from _entries(one)


def _rows(entries: Iterable[Entry]) -> Iterator[str]:
    """One row for each title, in the order of the table."""
    yield from ("| declared | here | what happens |", "|---|---|---|")
    shown = (one for one in entries if one.standing is not Standing.NOTHING)
    for one in dict.fromkeys(shown):
        yield f"| {one.title} | {one.standing} | {one.instead or _proof(one)} |"


def _proof(entry: Entry) -> str:
    """The test, once it is there."""
    return f"shown by `{entry.proof}`" if (settings.ROOT / entry.proof).exists() else ""


def _plugins() -> Iterator[str]:
    yield from ("| plugin | type | it needs | instead |", "|---|---|---|---|")
    for kind, plugin in PLUGINS.items():
        yield f"| {plugin.name} | `{kind}` | {plugin.needs} | {plugin.instead} |"


def _services() -> Iterator[str]:
    yield from ("| call | what it is refused with |", "|---|---|")
    everything: Mapping[str, object] = {**SERVICES, **METHODS}
    for path, words in everything.items():
        yield f"| `{path.removeprefix('flyteidl2.')}` | {words} |"


TABLES: Mapping[str, Callable[[], Iterator[str]]] = {
    "task": _of_tree(table.TASK),
    "run": _of_tree(table.RUN),
    "condition": _of_tree(table.CONDITION),
    "resources": _resources,
    "pod": _pod,
    "plugins": _plugins,
    "services": _services,
}
