"""The question of a condition, and values between people, Python and the wire. Pure of Django and of the database."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass

from flyteidl2.core import literals_pb2, types_pb2
from flyteidl2.workflow import run_definition_pb2, run_service_pb2

from runs.domain.errors import Invalid
from runs.domain.literals import to_plain

Value = bool | int | float | str

MAX_TEXT = 10_000
MAX_COMMENT = 2_000
MAX_INTEGER = 2**63 - 1
TRUE = frozenset({"true", "yes", "y", "t", "1"})
FALSE = frozenset({"false", "no", "n", "f", "0"})
# A type, as people read it and as Python has it; its form uses the same names.
_TYPES: dict[int, tuple[str, type[Value]]] = {
    types_pb2.BOOLEAN: ("boolean", bool),
    types_pb2.INTEGER: ("integer", int),
    types_pb2.FLOAT: ("float", float),
    types_pb2.STRING: ("string", str),
}


@dataclass(frozen=True, slots=True)
class Typed:
    """Text that a person typed into a form; the type of the condition decides how it is read."""

    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """What a condition asks. type: boolean | integer | float | string."""

    name: str
    type: str
    prompt: str
    is_markdown: bool
    description: str

    @property
    def is_approval(self) -> bool:
        """Whether it is answered with a yes or a no."""
        return self.type == "boolean"

    def read(self, given: Value | Typed) -> Value:
        """The value, if it is of this condition's type; Invalid else. No number is made of another kind of number."""
        if isinstance(given, Typed):
            return _READERS[self.type](given.text)
        wanted = next(python for word, python in _TYPES.values() if word == self.type)
        if type(given) is not wanted:
            raise Invalid(f"condition {self.name!r} waits for {article(self.type)}, not for {given!r:.200}")
        if isinstance(given, int) and not -MAX_INTEGER - 1 <= given <= MAX_INTEGER:
            raise Invalid(f"{given} does not fit into 64 bits")
        if isinstance(given, str) and len(given) > MAX_TEXT:
            raise Invalid(f"the text has {len(given)} characters, at most {MAX_TEXT} are allowed")
        return given


def article(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def read_question(detail: bytes) -> Question:
    """What a stored flyteidl2.workflow.ConditionAction asks."""
    message = run_definition_pb2.ConditionAction.FromString(detail)
    return Question(
        name=message.name,
        type=_TYPES[message.type.simple][0],
        prompt=message.prompt,
        is_markdown=message.prompt_type == run_definition_pb2.CONDITION_PROMPT_TYPE_MARKDOWN,
        description=message.description,
    )


def is_possible_type(message: types_pb2.LiteralType) -> bool:
    return message.WhichOneof("type") == "simple" and message.simple in _TYPES


def check_comment(text: str) -> str:
    """What is said with a value, without white space around it. Raises Invalid when it is too long."""
    comment = "\n".join(text.strip().splitlines())
    if len(comment) > MAX_COMMENT:
        raise Invalid(f"the comment has {len(comment):,} characters; at most {MAX_COMMENT:,} are kept")
    return comment


# --- what people type -------------------------------------------------------------------------------------------


def _read_boolean(text: str) -> bool:
    word = text.strip().lower()
    if word in TRUE | FALSE:
        return word in TRUE
    raise Invalid(f"{text[:80]!r} is neither true nor false")


def _read_integer(text: str) -> int:
    # Twenty characters hold every 64-bit number; int() of a long text would take long.
    stripped = text.strip()
    try:
        value = int(stripped) if len(stripped) <= 20 else MAX_INTEGER + 1
    except ValueError as error:
        raise Invalid(f"{text[:80]!r} is not an integer") from error
    if not -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
        raise Invalid(f"{text[:80]!r} does not fit into 64 bits")
    return value


def _read_float(text: str) -> float:
    try:
        value = float(text.strip())
    except ValueError as error:
        raise Invalid(f"{text[:80]!r} is not a number") from error
    if not math.isfinite(value):
        raise Invalid(f"{text[:80]!r} is not a finite number")
    return value


def _read_string(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise Invalid(f"the text has {len(text)} characters, at most {MAX_TEXT} are allowed")
    return text


_READERS: dict[str, Callable[[str], Value]] = {
    "boolean": _read_boolean,
    "integer": _read_integer,
    "float": _read_float,
    "string": _read_string,
}


# --- the wire ---------------------------------------------------------------------------------------------------


def literal(value: Value) -> literals_pb2.Literal:
    """The value as Flyte's literal. bool comes first, because it is an int to Python."""
    match value:
        case bool():
            primitive = literals_pb2.Primitive(boolean=value)
        case int():
            primitive = literals_pb2.Primitive(integer=value)
        case float():
            primitive = literals_pb2.Primitive(float_value=value)
        case _:
            primitive = literals_pb2.Primitive(string_value=value)
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=primitive))


def to_bytes(value: Value) -> bytes:
    """The literal as it is stored; equal values give equal bytes."""
    return literal(value).SerializeToString(deterministic=True)


def read_literal(message: literals_pb2.Literal) -> Value:
    """The value of a literal, or Invalid when it is none that a condition can wait for."""
    primitive = message.scalar.primitive
    match primitive.WhichOneof("value") if message.scalar.HasField("primitive") else None:
        case "boolean":
            return bool(primitive.boolean)
        case "integer":
            return int(primitive.integer)
        case "float_value":
            return float(primitive.float_value)
        case "string_value":
            return str(primitive.string_value)
        case _:
            raise Invalid("the value must be a boolean, an integer, a float or a string")


def say_answer(value: bytes) -> tuple[str, str]:
    """What a condition was given (the bytes of a Literal): a text as it is and other values as JSON; and as people say it."""
    plain = to_plain(literals_pb2.Literal.FromString(value))
    text = plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False, default=str)
    return text, ("Approved" if plain else "Rejected") if isinstance(plain, bool) else text


def read_payload(message: run_service_pb2.EventPayload) -> Value:
    """The value of a SignalEventRequest."""
    which = message.WhichOneof("value")
    if which is None:
        raise Invalid("the payload has no value: set bool_value, int_value, float_value or string_value")
    value: Value = getattr(message, which)
    return value
