"""What a task says of itself: inputs with types and defaults, outputs, documentation, where its source is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flyteidl2.core import interface_pb2, literals_pb2
from flyteidl2.task import task_definition_pb2

from runs.domain.declared.containers import container_of
from runs.domain.errors import Invalid
from runs.domain.forms.literals import Chosen, plain_of
from runs.domain.forms.plain import show
from runs.domain.forms.shapes import shape_of
from runs.domain.specs import read_task_message
from runs.domain.tasks.bundles import OF_DEMONSTRATIONS

MAX_DEFAULT = 200  # characters that are shown of a default
MAX_DOCS = 10_000
MAX_ADDRESS = 2_000
_WEB = re.compile(r"https?://[^\s]+\Z")


@dataclass(frozen=True, slots=True)
class Parameter:
    """An input or an output. default: as people write it, "" when there is none; is_required: of an input without one."""

    name: str
    type: str
    description: str = ""
    default: str = ""
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class Interface:
    """source_href: "" for a source that is no address of the web. problem: why no executor can run it, or ""."""

    inputs: tuple[Parameter, ...]
    outputs: tuple[Parameter, ...]
    summary: str
    docs: str
    source: str
    source_href: str
    image: str
    has_code: bool
    problem: str


def read_interface(data: bytes) -> Interface:
    """Of a serialised TaskSpec that is valid."""
    message = task_definition_pb2.TaskSpec.FromString(data)
    facts, template, docs = read_task_message(message), message.task_template, message.documentation
    defaults = default_literals(message)
    source = docs.source_code.link[:MAX_ADDRESS]
    summary, text = docs.short_description.strip(), docs.long_description.strip()
    return Interface(
        inputs=tuple(_input(one, defaults.get(one.key)) for one in template.interface.inputs.variables),
        outputs=tuple(_parameter(one) for one in template.interface.outputs.variables),
        summary=summary[:MAX_DOCS],
        docs="" if text == summary else text[:MAX_DOCS],
        source=source,
        source_href=source if _WEB.match(source) else "",
        image=container_of(template).image,
        has_code=facts.bundle_uri not in {"", OF_DEMONSTRATIONS} and not facts.is_pickled,
        problem=facts.refusal,
    )


def default_literals(message: task_definition_pb2.TaskSpec) -> dict[str, literals_pb2.Literal]:
    """The defaults of the inputs that have one."""
    return {
        one.name: one.parameter.default
        for one in message.default_inputs
        if one.parameter.WhichOneof("behavior") == "default"
    }


def _parameter(one: interface_pb2.VariableEntry) -> Parameter:
    return Parameter(one.key, shape_of(one.value.type).title, one.value.description[:MAX_DOCS])


def _input(one: interface_pb2.VariableEntry, default: literals_pb2.Literal | None) -> Parameter:
    shown = _parameter(one)
    text = "" if default is None else _text(one, default)
    return Parameter(shown.name, shown.type, shown.description, text, is_required=default is None)


def _text(one: interface_pb2.VariableEntry, default: literals_pb2.Literal) -> str:
    """A default as people write it; a text in quotes, so that an empty one is seen."""
    shape = shape_of(one.value.type)
    try:
        value = plain_of(default, one.value.type)
        if isinstance(value, Chosen):
            value, shape = value.value, shape.variants[value.index]
        text = "None" if value is None else show(value, shape)
    except (
        Invalid,
        TypeError,
        ValueError,
        RecursionError,
    ):  # not of its type, or with what JSON does not have
        return "has one, which cannot be shown"
    if isinstance(value, str) and shape.title == "str":
        text = f'"{text}"'
    return text if len(text) <= MAX_DEFAULT else f"{text[:MAX_DEFAULT]}…"
