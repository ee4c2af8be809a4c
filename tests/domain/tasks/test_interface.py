"""What a task says of itself, from its TaskSpec."""

from __future__ import annotations

from flyteidl2.core import types_pb2
from flyteidl2.task import task_definition_pb2

from runs.domain.conditions import literal
from runs.domain.tasks.interface import MAX_DEFAULT, Parameter, read_interface
from tests.support.scene import task_spec


def spec(source: str = "") -> task_definition_pb2.TaskSpec:
    message = task_definition_pb2.TaskSpec.FromString(task_spec())
    message.documentation.source_code.link = source
    return message


def test_inputs_have_types_and_defaults_and_say_when_they_must_be_given():
    message = spec()
    variables = message.task_template.interface.inputs.variables
    variables.add(key="steps").value.type.simple = types_pb2.INTEGER
    variables.add(key="name").value.type.simple = types_pb2.STRING
    optional = variables.add(key="rate").value
    optional.type.union_type.variants.add().simple = types_pb2.FLOAT
    optional.type.union_type.variants.add().simple = types_pb2.NONE
    optional.description = "Of learning."
    message.default_inputs.add(name="name").parameter.default.CopyFrom(literal(""))
    none = message.default_inputs.add(name="rate").parameter.default
    none.scalar.union.value.scalar.none_type.SetInParent()
    none.scalar.union.type.simple = types_pb2.NONE

    assert read_interface(message.SerializeToString()).inputs == (
        Parameter("steps", "int", is_required=True),
        Parameter("name", "str", default='""'),
        Parameter("rate", "float | None", "Of learning.", "None"),
    )


def test_a_default_that_is_not_of_its_type_or_too_long_does_no_harm():
    message = spec()
    for key in ("odd", "long"):
        message.task_template.interface.inputs.variables.add(key=key).value.type.simple = types_pb2.STRING
    message.default_inputs.add(name="odd").parameter.default.CopyFrom(literal(1))
    message.default_inputs.add(name="long").parameter.default.CopyFrom(literal("x" * 10_000))

    odd, long = read_interface(message.SerializeToString()).inputs

    assert odd.default == "has one, which cannot be shown"
    assert len(long.default) == MAX_DEFAULT + 1


def test_only_an_address_of_the_web_is_a_link():
    web, script = (
        read_interface(spec(link).SerializeToString())
        for link in ("https://x.org/a.py", "javascript:alert(1)")
    )

    assert (web.source_href, script.source_href, script.source) == (
        "https://x.org/a.py",
        "",
        "javascript:alert(1)",
    )


def test_documentation_that_only_repeats_its_summary_is_said_once():
    message = spec()
    message.documentation.short_description = message.documentation.long_description = "Trains. "

    found = read_interface(message.SerializeToString())

    assert (found.summary, found.docs) == ("Trains.", "")
