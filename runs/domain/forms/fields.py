"""The fields of a form: from the inputs that a task takes, with the values that they had, to what somebody has typed.

A field that is left as it was has no part in the changes, so what a form cannot show exactly stays what it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flyteidl2.core import interface_pb2, literals_pb2, types_pb2

from runs.domain.errors import Invalid
from runs.domain.forms.literals import Chosen, literal_of, plain_of
from runs.domain.forms.plain import fit, read, show
from runs.domain.forms.shapes import Kind, Property, Shape, shape_of

MAX_TEXT = 20_000  # characters; what is longer stays what it was
LONG_TEXT = 80  # characters: more of them, or several lines, have an area
MAX_FIELDS = 60  # of the objects of one input; those that would make more are JSON, the innermost first
PREFIX = "in."
VARIANT = ".is"  # of the field that says which variant of a union the value is
UPLOAD = ".upload"  # of the field that takes a file in place of an address
FILE, FOLDER = "file", "folder"
_UPLOADS = {"File": FILE, "Dir": FOLDER}
MISSING: Any = object()
_AREAS = frozenset({Kind.LIST, Kind.MAP, Kind.OBJECT, Kind.JSON, Kind.MESSAGE})
_HINTS = {
    Kind.TIME: "2026-01-31T10:00:00Z", Kind.DURATION: "1h 30m", Kind.URI: "s3://bucket/file", Kind.LIST: "JSON: [1, 2]",
    Kind.MAP: 'JSON: {"key": 1}', Kind.OBJECT: 'JSON: {"key": 1}', Kind.JSON: "JSON", Kind.MESSAGE: "JSON of the literal",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """One control. control: line | area | select | group (fields) | kept (cannot be changed here).

    text, original: what stands in it, and what stood in it; variants: of a union, by index, of which `variant` is chosen.
    upload: what may be given in place of an address, FILE or FOLDER; upload_variant: which variant that is.
    """

    key: str
    label: str
    title: str
    control: str
    text: str = ""
    original: str = ""
    choices: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    variant: int = -1
    original_variant: int = -1
    none_at: int = -1
    hint: str = ""
    error: str = ""
    is_changed: bool = False
    upload: str = ""
    upload_variant: int = -1
    fields: tuple[Field, ...] = ()

    @property
    def id(self) -> str:
        return f"field-{self.key}"

    @property
    def rows(self) -> int:
        """Lines that an area shows."""
        return min(max(self.text.count("\n") + 1, len(self.text) // 70 + 1), 12)


@dataclass(frozen=True, slots=True)
class Form:
    """The fields, and the literals of those that were changed; is_valid: no field has an error."""

    fields: tuple[Field, ...]
    changes: Mapping[str, literals_pb2.Literal]
    is_valid: bool


@dataclass(frozen=True, slots=True)
class _Answer:
    """A field with its value: MISSING when there is none, or it cannot be read."""

    field: Field
    value: Any = MISSING

    @property
    def is_wrong(self) -> bool:
        return bool(self.field.error) or any(_Answer(one).is_wrong for one in self.field.fields)


def make_form(
    variables: Sequence[interface_pb2.VariableEntry],
    literals: Mapping[str, literals_pb2.Literal],
    posted: Mapping[str, str] | None = None,
) -> Form:
    """The form of a task's inputs. posted: the fields as a browser sends them; None: it is shown for the first time."""
    fields: list[Field] = []
    changes: dict[str, literals_pb2.Literal] = {}
    wrong = False
    for variable in variables:
        before = literals.get(variable.key)
        answer = _input(variable.key, variable.value.type, before, posted)
        try:
            if answer.field.is_changed and not answer.is_wrong:
                changes[variable.key] = literal_of(answer.value, variable.value.type, before)
        except Invalid as error:
            answer = _Answer(replace(answer.field, error=error.message))
        fields.append(answer.field)
        wrong = wrong or answer.is_wrong
    return Form(tuple(fields), changes, not wrong)


def leaves(fields: Sequence[Field]) -> Iterator[Field]:
    """Those that are no groups, at any depth."""
    for field in fields:
        if field.control == "group":
            yield from leaves(field.fields)
        else:
            yield field


def with_errors(form: Form, problems: Mapping[str, str]) -> Form:
    """The form with these errors, by key of the field."""
    if not problems:
        return form
    return Form(tuple(_wrong(field, problems) for field in form.fields), form.changes, is_valid=False)


def _wrong(field: Field, problems: Mapping[str, str]) -> Field:
    inner = tuple(_wrong(one, problems) for one in field.fields)
    return replace(field, error=problems.get(field.key, field.error), fields=inner)


def _input(
    name: str,
    of_type: types_pb2.LiteralType,
    before: literals_pb2.Literal | None,
    posted: Mapping[str, str] | None,
) -> _Answer:
    shape = shape_of(of_type)
    try:
        value = plain_of(before, of_type) if before is not None else MISSING
        if value is not MISSING:
            json.dumps(value.value if isinstance(value, Chosen) else value)
    except (
        Invalid,
        TypeError,
        ValueError,
        RecursionError,
    ):  # not of its type, or with what JSON does not have
        return _Answer(Field(PREFIX + name, name, shape.title, "kept", hint="It cannot be shown here."))
    wanted = Property(name, shape, is_required=before is None)
    return _field(PREFIX + name, wanted, value, posted, _groups(PREFIX + name, shape))


def _groups(key: str, shape: Shape) -> frozenset[str]:
    """Which objects have fields of their own, by key: level by level, as long as there are not too many of these."""
    groups: list[str] = []
    count, level = 0, [(key, shape)]
    while level:
        below: list[tuple[str, Shape]] = []
        for at, one in level:
            if one.kind is Kind.OBJECT and 0 < len(one.properties) <= MAX_FIELDS - count:
                count += len(one.properties) - bool(groups)  # in whose place its own come
                groups.append(at)
                below += [(f"{at}.{each.name}", each.shape) for each in one.properties]
        level = below
    return frozenset(groups)


def _field(
    key: str, wanted: Property, value: Any, posted: Mapping[str, str] | None, groups: frozenset[str]
) -> _Answer:
    if wanted.shape.kind is Kind.UNION:
        return _union(key, wanted, value, posted)
    if key in groups:
        return _group(key, wanted, value, posted, groups)
    return _leaf(key, wanted, value, posted)


def _leaf(key: str, wanted: Property, value: Any, posted: Mapping[str, str] | None) -> _Answer:
    shape = wanted.shape
    original = "" if value is MISSING else show(value, shape)
    if len(original) > MAX_TEXT:
        hint = f"{len(original):,} characters: too long to be changed here."
        return _Answer(Field(key, wanted.name, shape.title, "kept", hint=hint), value)
    text = original if posted is None else posted.get(key, original)
    is_changed = not _same(text, original)
    error = ""
    if is_changed or (value is MISSING and wanted.is_required and posted is not None):
        try:
            value, is_changed = read(_unix(text), shape), True
        except Invalid as problem:
            value, error = MISSING, problem.message
    field = Field(
        key, wanted.name, shape.title, _control(shape, original), text=text, original=original, hint=_HINTS.get(shape.kind, ""),
        choices=_choices(shape), error=error, is_changed=is_changed, upload=_upload(shape),
    )  # fmt: skip
    return _Answer(field, value)


def _union(key: str, wanted: Property, value: Any, posted: Mapping[str, str] | None) -> _Answer:
    """A control for the variant, and one for the value. Of `T | None` the second one is that of T."""
    variants = wanted.shape.variants
    before = _chosen(value, wanted.shape)
    shape = variants[before.index] if before else variants[0]
    original = show(before.value, shape) if before else ""
    index = before.index if before else 0
    text, picked = original, index
    if posted is not None:
        text, picked = (
            posted.get(key, original),
            _index(posted.get(key + VARIANT, ""), len(variants), default=index),
        )
    named = [variant for variant in variants if variant.kind is not Kind.NONE] or [*variants]
    control = _control(named[0], original) if len(named) == 1 else "area"
    now = variants[picked]
    is_changed = picked != index or (now.kind is not Kind.NONE and not _same(text, original))
    error, found = "", value
    if is_changed or (before is None and posted is not None and wanted.is_required):
        try:
            found, is_changed = Chosen(picked, read(_unix(text), now)), True
        except Invalid as problem:
            found, error = MISSING, problem.message
    field = Field(
        key, wanted.name, wanted.shape.title, control, text=text, original=original,
        choices=_choices(named[0]) if len(named) == 1 else (), variants=tuple(one.title for one in variants),
        variant=picked, original_variant=index if before else -1, none_at=_none_at(variants),
        hint=_HINTS.get(named[0].kind, "") if len(named) == 1 else "", error=error, is_changed=is_changed,
        upload=_upload(named[0]) if len(named) == 1 else "", upload_variant=variants.index(named[0]),
    )  # fmt: skip
    return _Answer(field, found)


def _chosen(value: Any, shape: Shape) -> Chosen | None:
    if value is MISSING or isinstance(value, Chosen):
        return None if value is MISSING else value
    from_plain = next(
        (at for at, one in enumerate(shape.variants) if _fits(value, one)), len(shape.variants) - 1
    )
    return Chosen(from_plain, value)


def _fits(value: Any, shape: Shape) -> bool:
    try:
        fit(value, shape)
    except Invalid:
        return False
    return True


def _group(
    key: str, wanted: Property, value: Any, posted: Mapping[str, str] | None, groups: frozenset[str]
) -> _Answer:
    """An object, each of its properties a field. Those that it has come first, in its order."""
    known = {one.name: one for one in wanted.shape.properties}
    had: dict[str, Any] = {} if value is MISSING else dict(value)
    order = [*(name for name in had if name in known), *(name for name in known if name not in had)]
    answers = {}
    for name in order:
        one = known[name]
        start = had.get(name, one.default if one.has_default else MISSING)
        if start is not MISSING and not _fits(start, one.shape):
            start = MISSING
        one = Property(name, one.shape, is_required=one.is_required and start is MISSING)
        answers[name] = _field(f"{key}.{name}", one, start, posted, groups)
    is_changed = any(answer.field.is_changed for answer in answers.values())
    if value is MISSING and posted is not None and wanted.is_required:
        is_changed = True
    found = value
    if is_changed:
        now = {name: _unchosen(one.value) for name, one in answers.items() if one.value is not MISSING}
        kept = {name: one for name, one in now.items() if name in had or answers[name].field.is_changed}
        found = had | kept
    field = Field(
        key, wanted.name, wanted.shape.title, "group", is_changed=is_changed,
        fields=tuple(answer.field for answer in answers.values()),
    )  # fmt: skip
    return _Answer(field, found)


def _unchosen(value: Any) -> Any:
    return value.value if isinstance(value, Chosen) else value


def _control(shape: Shape, original: str) -> str:
    if shape.kind in {Kind.CHOICE, Kind.BOOLEAN}:
        return "select"
    is_long = len(original) > LONG_TEXT or len(original.splitlines()) > 1
    return "area" if shape.kind in _AREAS or is_long else "line"


def _choices(shape: Shape) -> tuple[str, ...]:
    return ("true", "false") if shape.kind is Kind.BOOLEAN else shape.choices


def upload_kind(of_type: types_pb2.LiteralType) -> str:
    """What may be given in place of an address of this type, FILE or FOLDER; "" for nothing."""
    shape = shape_of(of_type)
    named = [one for one in shape.variants or (shape,) if one.kind is not Kind.NONE]
    return _upload(named[0]) if len(named) == 1 else ""


def _upload(shape: Shape) -> str:
    return _UPLOADS.get(shape.title, "") if shape.kind is Kind.URI else ""


def _none_at(variants: Sequence[Shape]) -> int:
    return next((at for at, one in enumerate(variants) if one.kind is Kind.NONE), -1)


def _index(text: str, count: int, *, default: int) -> int:
    is_number = text.isascii() and text.isdecimal() and len(text) < 4
    return int(text) if is_number and int(text) < count else default


def _unix(text: str) -> str:
    """Browsers send the ends of lines as HTTP has them."""
    return text.replace("\r\n", "\n")


def _same(text: str, original: str) -> bool:
    return _unix(text).replace("\r", "\n") == _unix(original).replace("\r", "\n")
