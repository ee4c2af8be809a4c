"""Use case of a condition: somebody gives it the value that it waits for. The first value stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import transaction
from flyteidl2.core import literals_pb2

from runs.domain import conditions
from runs.domain.conditions import Question, Typed, Value
from runs.domain.errors import Conflict, Invalid
from runs.domain.names import ActionRef
from runs.domain.phases import Cause, Kind, Phase
from runs.engine.aborts import find_run_id
from runs.engine.book.book import Book, open_run
from runs.engine.book.rows import Row
from runs.models import Action, ActionEvent
from runs.store import hints
from runs.store.clock import wall_time


@dataclass(frozen=True, slots=True)
class SignalAnswer:
    """What a signal found. is_new: False when the condition had been signalled with this very value before."""

    value: Value
    actor: str
    at: datetime
    is_new: bool


def signal_condition(
    ref: ActionRef,
    given: Value | Typed,
    *,
    actor: str,
    parent: str = "",
    comment: str = "",
    clock: Callable[[], datetime] = wall_time,
) -> SignalAnswer:
    """Give a condition its value; it SUCCEEDS, and its parent goes on. The same value again changes nothing, the comment neither.

    Raises NotFound, Invalid (the value is not of the condition's type; the comment is too long; `parent` is named and is another
    action), or Conflict (it is no condition, has ended, or was signalled with another value).
    """
    at, said = clock(), conditions.check_comment(comment)
    with transaction.atomic(), open_run(find_run_id(ref.run)) as book:
        row = book.get(ref.name)
        question = _question(row)
        _check_parent(book, row, parent)
        value = question.read(given)
        if not row.is_live:
            return _answer_again(row, question, value)
        book.move(
            row, Phase.SUCCEEDED, cause=Cause.SIGNALLED, actor=actor, at=at,
            value=conditions.to_bytes(value), comment=said,
        )  # fmt: skip
        hints.publish(hints.WAITING)
        return SignalAnswer(value, actor, at, is_new=True)


def _question(row: Row) -> Question:
    if row.kind != Kind.CONDITION:
        what = "trace" if row.kind == Kind.TRACE else "task"
        raise Conflict(f"action {row.name} is a {what}, not a condition; it cannot be signalled")
    return conditions.read_question(bytes(Action.objects.values_list("detail", flat=True).get(pk=row.id)))


def _check_parent(book: Book, row: Row, parent: str) -> None:
    if parent and book.get(parent).id != row.parent_id:
        raise Invalid(f"action {parent} is not the parent of condition {row.name}")


def _answer_again(row: Row, question: Question, value: Value) -> SignalAnswer:
    """For what has ended: OK when it was signalled with this value."""
    last = ActionEvent.objects.filter(action_id=row.id, to_phase=row.phase).latest("seq")
    assert row.ended_at is not None
    if row.phase is not Phase.SUCCEEDED:
        raise Conflict(
            f"condition {question.name!r} ({row.name}) {_how(row.phase)} at {_clock(row.ended_at)}; "
            "it takes no value any more"
        )
    stored = bytes(Action.objects.values_list("value", flat=True).get(pk=row.id))
    if stored != conditions.to_bytes(value):
        first = conditions.read_literal(literals_pb2.Literal.FromString(stored))
        raise Conflict(
            f"condition {question.name!r} ({row.name}) was signalled with {first!r:.200} by {last.actor} "
            f"at {_clock(row.ended_at)}; the first value stays"
        )
    return SignalAnswer(value, last.actor, row.ended_at, is_new=False)


def _how(phase: Phase) -> str:
    return "timed out" if phase is Phase.TIMED_OUT else f"was {phase.label.lower()}"


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
