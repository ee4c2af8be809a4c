"""The table of what can be declared: complete, in words, and proved where it says that something works."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from google.protobuf.message import Message

from runs.domain.declared import table
from runs.domain.declared.finding import unclassified
from runs.domain.declared.table import Entry, Standing, Tree
from tests.arch.sources import ROOT

SINGLE = (
    *table.RESOURCES.values(), *table.POD.values(), *table.PRIMARY.values(), table.ANOTHER_RESOURCE, table.SIDECARS,
    table.VARIABLE_FROM, table.ANOTHER_SETTING, table.DEBUG, table.NEWER,
)  # fmt: skip


def entries(tree: Tree) -> Iterator[Entry]:
    for one in tree.values():
        if isinstance(one, Entry):
            yield one
        else:
            yield from entries(one)


ALL = [*{one for tree in table.ROOTS.values() for one in entries(tree)} | set(SINGLE)]


@pytest.mark.parametrize("message", table.ROOTS, ids=lambda message: message.__name__)
def test_each_field_of_flyte_s_messages_is_classified(message: type[Message]) -> None:
    assert list(unclassified(message.DESCRIPTOR, table.ROOTS[message])) == []


def test_a_field_of_a_newer_version_would_be_found() -> None:
    message, tree = next(iter(table.ROOTS.items()))
    older = {name: entry for name, entry in tree.items() if name != "short_name"} | {"gone": table.NOTHING}

    assert list(unclassified(message.DESCRIPTOR, older)) == [
        "gone is in the table only",
        "short_name is not in the table",
    ]


def test_whoever_declares_what_is_not_honoured_is_told_in_a_sentence() -> None:
    listed = [one for one in ALL if one.is_listed]

    assert [one.title for one in listed if not (one.title and one.instead.endswith("."))] == []
    assert len(listed) > 20


def test_what_works_names_a_test_that_exists() -> None:
    proofs = {one.title: one.proof for one in ALL if one.standing is Standing.WORKS}

    assert {title for title, proof in proofs.items() if not Path(ROOT, proof).exists()} == set()
    assert len(proofs) > 15


def test_the_page_for_users_is_fresh() -> None:
    call_command("compatibility", "--check")
