"""The form that runs something again, or launches a task: its inputs, and what else the new run may have of its own. Read, checked, turned into Changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from flyteidl2.core import literals_pb2
from flyteidl2.task import run_pb2, task_definition_pb2

from runs.domain.errors import Invalid
from runs.domain.forms.fields import Form, make_form, with_errors
from runs.domain.forms.pairs import read_pairs, show_pairs
from runs.domain.names import check_run_name
from runs.domain.specs import read_envs
from runs.launch.rerun import Changes

ON = "1"  # what a box sends that is ticked


class Fillable(Protocol):
    """Of what there is a form: a run that is run again (rerun.Source), a task that is launched (start.Launch)."""

    @property
    def task(self) -> task_definition_pb2.TaskSpec: ...
    @property
    def literals(self) -> Mapping[str, literals_pb2.Literal]: ...
    @property
    def envs(self) -> Mapping[str, str]: ...
    @property
    def labels(self) -> Mapping[str, str]: ...
    @property
    def overwrites_cache(self) -> bool: ...
    @property
    def is_root(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Lines:
    """A field of names and values, one a line. pairs: None when they cannot be read, or are what they were."""

    text: str
    original: str
    pairs: Mapping[str, str] | None = None
    error: str = ""

    @property
    def is_changed(self) -> bool:
        return self.pairs is not None or bool(self.error)

    @property
    def rows(self) -> int:
        return min(max(2, self.text.count("\n") + 1), 10)


@dataclass(frozen=True, slots=True)
class LaunchForm:
    """All fields. error: what is wrong with none of them, or with all."""

    inputs: Form
    envs: Lines
    labels: Lines
    name: str = ""
    name_error: str = ""
    overwrite_cache: bool = False
    recover: bool = False
    error: str = ""

    @property
    def is_valid(self) -> bool:
        wrong = self.error or self.name_error or self.envs.error or self.labels.error
        return self.inputs.is_valid and not wrong

    @property
    def changes(self) -> Changes:
        """What it says is to be different; only of a valid form."""
        return Changes(
            inputs=self.inputs.changes, envs=self.envs.pairs, labels=self.labels.pairs, name=self.name,
            overwrite_cache=self.overwrite_cache, recover=self.recover,
        )  # fmt: skip

    def with_error(self, message: str) -> LaunchForm:
        return replace(self, error=message)

    def with_file_errors(self, problems: Mapping[str, str]) -> LaunchForm:
        """problems: what is wrong with files that came with it, by key of the field."""
        return replace(self, inputs=with_errors(self.inputs, problems))

    def with_name_error(self, message: str) -> LaunchForm:
        return replace(self, name_error=message)


def read_form(source: Fillable, posted: Mapping[str, str] | None = None) -> LaunchForm:
    """The form of a source. posted: as a browser sends it; None: as it is first shown. Errors are in it."""
    fields = posted or {}
    # The client sorts an interface by name; the values have the order of the function.
    places = {name: place for place, name in enumerate(source.literals)}
    variables = sorted(
        source.task.task_template.interface.inputs.variables, key=lambda one: places.get(one.key, len(places))
    )
    name, name_error = fields.get("name", "").strip(), ""
    try:
        name = check_run_name(name) if name else ""
    except Invalid as error:
        name_error = error.message
    return LaunchForm(
        inputs=make_form(variables, source.literals, posted),
        envs=_check_envs(_lines("environment variable", source.envs, fields.get("envs"))),
        labels=_lines("label", source.labels, fields.get("labels")),
        name=name,
        name_error=name_error,
        overwrite_cache=source.overwrites_cache if posted is None else fields.get("overwrite_cache") == ON,
        recover=source.is_root and fields.get("recover") == ON,
    )


def _lines(what: str, before: Mapping[str, str], text: str | None) -> Lines:
    original = show_pairs(before)
    if text is None:
        return Lines(original, original)
    try:
        pairs = read_pairs(text, what)
    except Invalid as error:
        return Lines(text, original, error=error.message)
    return Lines(text, original, None if pairs == dict(before) else pairs)


def _check_envs(lines: Lines) -> Lines:
    """Those that no process can have, and ours with a value that means nothing, are refused here already."""
    if lines.pairs is None:
        return lines
    spec = run_pb2.RunSpec()
    for key, value in lines.pairs.items():
        spec.envs.values.add(key=key, value=value)
    try:
        read_envs(spec)
    except Invalid as error:
        return replace(lines, pairs=None, error=error.message)
    return lines
