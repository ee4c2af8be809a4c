"""What a condition was answered, as plain text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from flyteidl2.core import literals_pb2

from runs import literals
from runs.models import Action, ActionEvent
from runs.phases import Cause


@dataclass(frozen=True, slots=True)
class Answer:
    """The value that a condition was signalled with, by whom and when."""

    text: str
    actor: str
    at: datetime | None


def find_answer(action: Action) -> Answer | None:
    """What a condition was answered. One statement, none when there is no answer."""
    if not action.value:
        return None
    plain = literals.to_plain(literals_pb2.Literal.FromString(bytes(action.value)))
    text = plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False, default=str)
    event = ActionEvent.objects.filter(action_id=action.pk, cause=Cause.SIGNALLED).order_by("id").last()
    return Answer(text, event.actor if event else "", event.at if event else action.ended_at)
