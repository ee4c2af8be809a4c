"""What a condition asks, and what it was answered: bytes of flyteidl2 messages as plain text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from flyteidl2.core import literals_pb2, types_pb2
from flyteidl2.workflow import run_definition_pb2
from google.protobuf.message import DecodeError

from runs import literals
from runs.models import Action, ActionEvent
from runs.phases import Cause

TYPES = {
    types_pb2.BOOLEAN: "bool",
    types_pb2.INTEGER: "int",
    types_pb2.FLOAT: "float",
    types_pb2.STRING: "str",
}


@dataclass(frozen=True, slots=True)
class Question:
    """What a condition waits for: a value of a type, as Python calls it."""

    type: str
    prompt: str
    description: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The value that a condition was signalled with, by whom and when."""

    text: str
    actor: str
    at: datetime | None


def read_question(detail: bytes) -> Question | None:
    """The question of a ConditionAction message; None when it is none."""
    message = run_definition_pb2.ConditionAction()
    try:
        message.ParseFromString(detail)
    except DecodeError:
        return None
    kind = TYPES.get(message.type.simple)
    return Question(kind, message.prompt, message.description) if kind else None


def find_answer(action: Action) -> Answer | None:
    """What a condition was answered. One statement, none when there is no answer."""
    if not action.value:
        return None
    literal = literals_pb2.Literal.FromString(bytes(action.value))
    plain = literals.to_plain(literal)
    text = plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False, default=str)
    event = ActionEvent.objects.filter(action_id=action.pk, cause=Cause.SIGNALLED).order_by("id").last()
    return Answer(text, event.actor if event else "", event.at if event else action.ended_at)
