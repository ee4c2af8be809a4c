"""Plain values: whether one fits a shape, and how people write it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from runs.domain.conditions import FALSE, MAX_INTEGER, TRUE
from runs.domain.errors import Invalid
from runs.domain.forms.shapes import Kind, Shape

_LONGEST_NUMBER = 400  # characters; int() of a long text takes long
SHORT_JSON = 60  # characters that stand in one line
_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(r"(-?)((?:\d+(?:\.\d+)?\s*(?:ms|[dhms])\s*)+)", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[dhms])", re.ASCII)
_WORDS = {
    Kind.TEXT: "text", Kind.INTEGER: "an integer", Kind.FLOAT: "a number", Kind.BOOLEAN: "true or false",
    Kind.TIME: "a time, such as 2026-01-31T10:00:00Z", Kind.DURATION: "a duration, such as 1h 30m or 45s",
    Kind.URI: "an address, such as s3://bucket/file", Kind.NONE: "null", Kind.LIST: "a list", Kind.MAP: "an object",
    Kind.OBJECT: "an object",
}  # fmt: skip
_PYTHON: dict[Kind, type | tuple[type, ...]] = {
    Kind.TEXT: str, Kind.INTEGER: int, Kind.FLOAT: (int, float), Kind.BOOLEAN: bool, Kind.TIME: str, Kind.DURATION: str,
    Kind.URI: str, Kind.NONE: type(None), Kind.LIST: list, Kind.MAP: Mapping, Kind.OBJECT: Mapping, Kind.CHOICE: str,
}  # fmt: skip

_AS_JSON = frozenset({Kind.LIST, Kind.MAP, Kind.OBJECT, Kind.JSON, Kind.MESSAGE})


# --- whether it fits --------------------------------------------------------------------------------------------


def fit(value: Any, shape: Shape, where: str = "") -> Any:
    """The value as the shape has it: an integer becomes a float where one is wanted. Raises Invalid, which names the place."""
    if shape.kind is Kind.UNION:
        return _choose(value, shape, where)[1]
    wanted = _PYTHON.get(shape.kind)
    if wanted is None:
        return value
    if not isinstance(value, wanted) or (isinstance(value, bool) and shape.kind is not Kind.BOOLEAN):
        raise Invalid(f"{where or 'this'} must be {_words(shape)}, not {_shortly(value)}")
    return _CHECKS.get(shape.kind, _as_it_is)(value, shape, where)


def variant_of(value: Any, shape: Shape, where: str = "") -> int:
    """Which variant of a union the value is: the first that it fits. Raises Invalid."""
    return _choose(value, shape, where)[0]


def _choose(value: Any, shape: Shape, where: str) -> tuple[int, Any]:
    """The variant, and the value as that has it."""
    for index, variant in enumerate(shape.variants):
        try:
            fitted = fit(value, variant, where)
            if fitted == value or variant.kind is Kind.FLOAT:
                return index, fitted
        except Invalid:
            continue
    raise Invalid(f"{where or 'this'} must be {shape.title}, not {_shortly(value)}")


def _as_it_is(value: Any, _shape: Shape, _where: str) -> Any:
    return value


def _integer(value: int, _shape: Shape, where: str) -> int:
    if not -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
        raise Invalid(f"{where or 'this'} does not fit into 64 bits")
    return value


def _float(value: float, _shape: Shape, where: str) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise Invalid(f"{where or 'this'} is too large for a float") from error


def _choice(value: str, shape: Shape, where: str) -> str:
    if value not in shape.choices:
        raise Invalid(f"{where or 'this'} must be one of {', '.join(shape.choices)}, not {_shortly(value)}")
    return value


def _time(value: str, _shape: Shape, _where: str) -> str:
    read_time(value)
    return value


def _duration(value: str, _shape: Shape, _where: str) -> str:
    read_duration(value)
    return value


def _uri(value: str, _shape: Shape, where: str) -> str:
    if not value.strip():
        raise Invalid(f"{where or 'this'} must be {_WORDS[Kind.URI]}")
    return value


def _list(value: list[Any], shape: Shape, where: str) -> list[Any]:
    if shape.items is None:
        return value
    return [fit(one, shape.items, f"{where}[{at}]") for at, one in enumerate(value)]


def _map(value: Mapping[str, Any], shape: Shape, where: str) -> dict[str, Any]:
    if shape.items is None:
        return dict(value)
    return {key: fit(one, shape.items, _inside(where, key)) for key, one in value.items()}


def _object(value: Mapping[str, Any], shape: Shape, where: str) -> dict[str, Any]:
    known = {one.name: one for one in shape.properties}
    for name, one in known.items():
        if one.is_required and name not in value:
            raise Invalid(f"{_inside(where, name)} is missing")
    if shape.is_closed and (unknown := sorted(value.keys() - known.keys())):
        raise Invalid(f"{where or 'this'} has no {', '.join(unknown)}, only {', '.join(known) or 'nothing'}")
    return {
        name: fit(one, known[name].shape, _inside(where, name)) if name in known else one
        for name, one in value.items()
    }


_CHECKS: dict[Kind, Callable[[Any, Shape, str], Any]] = {
    Kind.INTEGER: _integer, Kind.FLOAT: _float, Kind.CHOICE: _choice, Kind.TIME: _time, Kind.DURATION: _duration,
    Kind.URI: _uri, Kind.LIST: _list, Kind.MAP: _map, Kind.OBJECT: _object,
}  # fmt: skip


def _inside(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _words(shape: Shape) -> str:
    return f"one of {', '.join(shape.choices)}" if shape.kind is Kind.CHOICE else _WORDS[shape.kind]


def _shortly(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)[:80]


# --- how people write it ----------------------------------------------------------------------------------------


def show(value: Any, shape: Shape) -> str:
    """The value as it stands in a field of a form; `read` makes the same value of it."""
    text = str(value)
    match shape.kind:
        case Kind.UNION:
            text = show(value, shape.variants[variant_of(value, shape)])
        case Kind.NONE:
            text = ""
        case Kind.BOOLEAN:
            text = "true" if value else "false"
        case Kind.FLOAT:
            text = repr(float(value))
        case Kind.DURATION:
            text = show_duration(read_duration(text))
        case kind if kind in _AS_JSON:
            text = json.dumps(value, ensure_ascii=False)
            if len(text) > SHORT_JSON:
                text = json.dumps(value, indent=2, ensure_ascii=False)
    return text


def read(text: str, shape: Shape) -> Any:
    """The value that somebody has typed. Raises Invalid with what is wrong."""
    value: Any = text.strip()
    match shape.kind:
        case Kind.TEXT:
            value = text
        case Kind.NONE:
            value = None
        case Kind.INTEGER:
            value = _number(text, int, shape)
        case Kind.FLOAT:
            value = _number(text, float, shape)
        case Kind.BOOLEAN if value.lower() in TRUE | FALSE:
            value = value.lower() in TRUE
        case kind if kind in _AS_JSON or kind is Kind.UNION:
            value = _json(text)
    return fit(value, shape)


def _number(text: str, kind: type[int | float], shape: Shape) -> Any:
    try:
        if len(text) <= _LONGEST_NUMBER:
            return kind(text.strip())
    except ValueError:
        pass
    raise Invalid(f"this must be {_WORDS[shape.kind]}, not {_shortly(text)}")


def _json(text: str) -> Any:
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise Invalid("this holds half of a surrogate pair") from error
    except RecursionError as error:
        raise Invalid("this is nested too deep") from error
    except ValueError as error:
        raise Invalid(f"this is not JSON: {error}") from error
    return value


def read_time(text: str) -> Timestamp:
    """A time as RFC 3339 or Python has it; without a zone it is UTC. Nanoseconds are kept."""
    stamp = Timestamp()
    try:
        stamp.FromJsonString(text.strip())
    except ValueError:
        try:
            moment = datetime.fromisoformat(text.strip())
            stamp.FromDatetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        except (ValueError, OverflowError) as error:
            raise Invalid(f"this must be {_WORDS[Kind.TIME]}, not {_shortly(text)}") from error
    return stamp


def read_duration(text: str) -> Duration:
    """A duration of days, hours, minutes, seconds and milliseconds: `1d 2h`, `90m`, `1.5s`."""
    found = _DURATION.fullmatch(text.strip())
    if not found or len(text) > 100:
        raise Invalid(f"this must be {_WORDS[Kind.DURATION]}, not {_shortly(text)}")
    sign, parts = found.groups()
    seconds = sum(
        Decimal(number) * (Decimal(_SECONDS[unit]) if unit != "ms" else Decimal("0.001"))
        for number, unit in _PART.findall(parts)
    )
    nanos = int(seconds * 10**9)
    duration = Duration(seconds=nanos // 10**9, nanos=nanos % 10**9)
    if sign:
        duration.seconds, duration.nanos = -duration.seconds, -duration.nanos
    try:
        duration.ToJsonString()
    except ValueError as error:
        raise Invalid(f"{_shortly(text)} is longer than 10,000 years") from error
    return duration


def show_duration(duration: Duration) -> str:
    """As `read_duration` reads it: `1h 30m`, `0s`, `-1.5s`."""
    nanos = duration.seconds * 10**9 + duration.nanos
    sign, rest = "-" if nanos < 0 else "", abs(nanos)
    parts: list[str] = []
    for unit, length in _SECONDS.items():
        if unit == "s":
            seconds = f"{Decimal(rest) / 10**9:f}"
            seconds = seconds.rstrip("0").rstrip(".") if "." in seconds else seconds
            parts += [f"{seconds}s"] if rest or not parts else []
        elif rest >= length * 10**9:
            count, rest = divmod(rest, length * 10**9)
            parts.append(f"{count}{unit}")
    return sign + " ".join(parts)
