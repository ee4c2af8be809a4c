"""What a filter may say beside words: of inputs, `number=17`, `lr<0.001`, `split=train lr>=0.5`; of the action itself,
`task=env.train` and `group="round 3"`, which are exact. Pure.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from runs.domain.inputs.digests import Simple, show

_PART = re.compile(r'(?:[^\s"]|"[^"]*")+|"')
_CONDITION = re.compile(r'([^\W\d]\w*)(<=|>=|!=|=|<|>)("[^"]*"|[^\s"<>=!]\S*)')
_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


# What an action has of its own, by the words that a filter has for it.
TASK, GROUP = "task", "group"
_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison of one input, or of what an action has of its own."""

    name: str
    test: str
    value: str

    def matches(self, inputs: Mapping[str, Simple], own: Mapping[str, str] = _NOTHING) -> bool:
        """Whether an action with these inputs matches. One that has no such input never does.

        own: its task and its group. Where an input has the name of one of these, either is what is meant.
        """
        if self.name in own and self.test in {"=", "!="}:
            has_it = self.name in inputs and self._equals(inputs[self.name])
            return (own[self.name] == self.value or has_it) is (self.test == "=")
        if self.name not in inputs:
            return False
        has = inputs[self.name]
        if self.test in {"=", "!="}:
            return self._equals(has) is (self.test == "=")
        pair = _comparable(str(has), self.value) if not isinstance(has, bool) else None
        return pair is not None and _ORDERS[self.test](*pair)

    def _equals(self, has: Simple) -> bool:
        text = str(has)
        if isinstance(has, bool | None):
            return text.lower() == self.value.lower()
        if self.value in {text, show(has), " ".join(text.split())}:
            return True
        # Not texts that look like numbers: 1e3 and 1000 are two versions, or two names.
        return not isinstance(has, str) and has == _number(self.value)


@dataclass(frozen=True, slots=True)
class InputSearch:
    """words: what is not a condition, to be found in a name; conditions: all of which hold."""

    words: str
    conditions: tuple[Condition, ...]

    def matches(self, inputs: Mapping[str, Simple], own: Mapping[str, str] = _NOTHING) -> bool:
        return all(condition.matches(inputs, own) for condition in self.conditions)


def read_search(text: str) -> InputSearch:
    """The conditions in a text. What is no condition, though it may look like a bad one, is a word."""
    words: list[str] = []
    conditions: list[Condition] = []
    for part in _PART.findall(text):
        if found := _CONDITION.fullmatch(part):
            name, test, value = found.groups()
            conditions.append(Condition(name, test, value[1:-1] if value[0] == '"' else value))
        else:
            words.append(part)
    return InputSearch(" ".join(words) if conditions else text, tuple(conditions))


def exactly(name: str, value: str) -> str:
    """A condition that is true of just this value, as one types it; of what cannot be quoted, the value as words."""
    if _CONDITION.fullmatch(plain := f"{name}={value}"):
        return plain
    return value if '"' in value else f'{name}="{value}"'


def _comparable(has: str, wanted: str) -> tuple[Any, Any] | None:
    """Both as numbers (of seconds, for durations) or both as times; None when they are neither."""
    for read in (_number, _moment):
        one, other = read(has), read(wanted)
        if one is not None and other is not None:
            return one, other
    return None


def _number(text: str) -> float | None:
    try:
        return float(text.removesuffix("s"))
    except ValueError:
        return None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
