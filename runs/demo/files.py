"""Inputs and outputs of a demonstration's tasks, as the files that pages show, and the report of its root."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from html import escape
from zlib import crc32

from flyteidl2.task import common_pb2

from runs.demo.scripts import Script
from runs.domain import conditions
from runs.domain.inputs.digests import read_inputs_digest
from runs.store import storage

File = tuple[str, bytes]  # its address, its content
Call = tuple[str, int]  # of a task, with a number

INPUTS: Mapping[str, Mapping[str, conditions.Value]] = {
    "main": {"epochs": 12, "learning_rate": 0.0003, "corpus": "s3://corpus/web-2026-11"},
    "train": {"corpus": "s3://corpus/web-2026-11", "batch_size": 64, "mixed_precision": True},
    "epoch": {"learning_rate": 0.0003, "warm_up": 200},
    "step": {"batch_size": 64},
    "shard": {"path": "s3://corpus/web-2026-11/shard-00017.parquet"},
}
REPORT = "report.html"
NUMBERS = 500  # of calls that differ
MOST_LINES = 20  # of the report


def call_of(script: Script) -> Call | None:
    """What its parent has called; None for a condition. The children of a parent differ by their number, up to NUMBERS."""
    if script.task not in INPUTS:
        return None
    place = re.search(r"\d+$", script.name)
    return script.task, int(place.group()) % NUMBERS if place and script.parent else 0


@lru_cache(maxsize=4096)
def inputs_of(call: Call) -> bytes:
    """inputs.pb of every action that was called so."""
    return common_pb2.Inputs(literals=_named(_given(*call))).SerializeToString(deterministic=True)


@lru_cache(maxsize=4096)
def digest_of(call: Call) -> str:
    return read_inputs_digest(inputs_of(call))


def _given(task: str, number: int) -> dict[str, conditions.Value]:
    """The inputs of a task with what differs, which comes first."""
    given = dict(INPUTS[task])
    if task == "main":
        return given
    if task == "shard":
        return {"path": f"s3://corpus/web-2026-11/shard-{number:05}.parquet"}
    if task == "epoch":
        given["learning_rate"] = round(0.0003 * 0.97**number, 7)
    return {"number": number} | given


def outputs_of(script: Script) -> bytes:
    """outputs.pb of this action; the same for the same name."""
    chance = crc32(script.name.encode())
    loss = round(0.2 + chance % 1000 / 2000, 4)
    values: dict[str, conditions.Value] = {
        "loss": loss,
        "rows": chance % 90_000,
        "checkpoint": f"s3://models/demo/{script.name}.pt",
    }
    return common_pb2.Outputs(literals=_named(values)).SerializeToString(deterministic=True)


def _named(values: Mapping[str, conditions.Value]) -> list[common_pb2.NamedLiteral]:
    return [
        common_pb2.NamedLiteral(name=name, value=conditions.literal(value)) for name, value in values.items()
    ]


def report_of(script: Script, scripts: Mapping[str, Script]) -> bytes:
    """An HTML page about the first children of an action. It needs no script and nothing from elsewhere."""
    shown = [scripts[name] for name in script.children[:MOST_LINES]]
    most = max((len(child.children) for child in shown), default=0) or 1
    lines = "".join(_line(child, most) for child in shown)
    more = len(script.children) - len(shown)
    rest = f"<p>and {more:,} more</p>" if more else ""
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(script.task)}</title>'
        f"<h1>{len(scripts):,} actions</h1><p>The children of {escape(script.task)}, and how many each of them has.</p>"
        f'<table cellpadding="4"><tr><th align="left">Action</th><th align="left">Children</th><th></th></tr>{lines}</table>'
        f"{rest}</html>"
    )
    return page.encode()


def _line(script: Script, most: int) -> str:
    wide = round(200 * len(script.children) / most)
    bar = f'<svg width="200" height="10" aria-hidden="true"><rect width="{wide}" height="10" rx="3" fill="#6f5bd6"/></svg>'
    return f"<tr><td>{escape(script.name)}</td><td>{len(script.children)}</td><td>{bar}</td></tr>"


def write(files: Iterable[File]) -> None:
    for uri, content in files:
        storage.write_bytes(uri, content)
