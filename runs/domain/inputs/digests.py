"""The digest of what an action was given: names and values of its simple inputs, so short that its row has room for them.

Pure. It is a JSON object, made where the inputs are in memory: by the executor for children, by the server for a root. Lists,
structures and files are left out. A child's digest travels in its Action message, as a field that Flyte does not know.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec
from flyteidl2.actions import actions_service_pb2
from flyteidl2.core import literals_pb2
from flyteidl2.task import common_pb2
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from runs.domain.errors import Invalid
from runs.domain.texts import clean

Simple = bool | int | float | str | None

MAX_INPUTS = 8
MAX_BYTES = 400
MAX_CHARACTERS = 48  # of a text; of a longer one both ends are kept, because addresses differ at theirs
MAX_READ_BYTES = 256 * 1024  # of inputs that are read for it: it is made on the event loop of user code
FIELD = 50_001  # of the Action message, in the range that is left to organizations
_LENGTH_DELIMITED = 2
_WINDOW = 4096  # characters at each end of a text in which secrets are looked for
_HIDDEN = "••••"
_SHORT_NUMBER = 9  # characters
encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(dict[str, Simple]).decode


def _unchanged(text: str) -> str:
    return text


def digest_of(inputs: common_pb2.Inputs, mask: Callable[[str], str] = _unchanged) -> str:
    """The digest of these inputs, "" when none of them is simple. mask: takes secrets out of a text."""
    kept: list[bytes] = []
    size = 2
    for named in inputs.literals:
        if len(kept) == MAX_INPUTS:
            break
        is_simple, value = _simple(named.value)
        if not is_simple:
            continue
        entry = b"%b:%b" % (encode(mask(named.name)), encode(_masked(value, mask)))
        if size + len(entry) + 1 <= MAX_BYTES:
            size += len(entry) + 1
            kept.append(entry)
    return f"{{{b','.join(kept).decode()}}}" if kept else ""


def read_inputs_digest(data: bytes, mask: Callable[[str], str] = _unchanged) -> str:
    """The digest of a serialised Inputs message; "" when it is too long to be read for it, or is none."""
    if len(data) > MAX_READ_BYTES:
        return ""
    try:
        return digest_of(common_pb2.Inputs.FromString(data), mask)
    except DecodeError:
        return ""


def _simple(literal: literals_pb2.Literal) -> tuple[bool, Simple]:
    """Whether it is a simple value, and which one."""
    if literal.WhichOneof("value") != "scalar":
        return False, None
    scalar = literal.scalar
    match scalar.WhichOneof("value"):
        case "primitive":
            return _primitive(scalar.primitive)
        case "union":
            return _simple(scalar.union.value)
        case "none_type":
            return True, None
    return False, None


def _primitive(primitive: literals_pb2.Primitive) -> tuple[bool, Simple]:
    match primitive.WhichOneof("value"):
        case "datetime" | "duration" as part:
            try:
                return True, str(getattr(primitive, part).ToJsonString())
            except ValueError:  # out of its range
                return False, None
        case "float_value" if not math.isfinite(primitive.float_value):
            return True, str(primitive.float_value)  # JSON has no such number
        case None:
            return False, None
        case part:
            value: Simple = getattr(primitive, part)
            return True, value


def _masked(value: Simple, mask: Callable[[str], str]) -> Simple:
    """The value without secrets. A text is cut after that, so that no part of one is left."""
    if not isinstance(value, str):
        text = repr(value)
        return value if mask(text) == text else _HIDDEN
    if len(value) > 2 * _WINDOW:
        value = value[:_WINDOW] + value[-_WINDOW:]
    value = mask(value)
    if len(value) <= MAX_CHARACTERS:
        return value
    half = MAX_CHARACTERS // 2
    return f"{value[:half]}…{value[1 - half :]}"


@lru_cache(maxsize=4096)
def read_digest(digest: str) -> Mapping[str, Simple]:
    """The inputs of a digest, by name, in their order; do not change it."""
    return decode(digest) if digest else {}


def check_digest(digest: str, what: str) -> str:
    """The digest, or Invalid when it is none. what: whose it is."""
    if not digest:
        return ""
    if len(digest.encode()) > MAX_BYTES:
        raise Invalid(f"the digest of the inputs of {what} has more than {MAX_BYTES} bytes")
    try:
        count = len(decode(digest))
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid(
            f"the digest of the inputs of {what} is not a JSON object of simple values: {error}"
        ) from error
    if not 0 < count <= MAX_INPUTS:
        raise Invalid(f"the digest of the inputs of {what} has {count} of them, and not 1 to {MAX_INPUTS}")
    return digest


def attach(message: actions_service_pb2.Action, digest: str) -> None:
    """Put the digest into the message with which a parent asks for a child."""
    if digest:
        data = digest.encode()
        message.MergeFromString(_varint(FIELD << 3 | _LENGTH_DELIMITED) + _varint(len(data)) + data)


def attached(message: actions_service_pb2.Action) -> str:
    """The digest in such a message, "" without one; unchecked, as its sender wrote it."""
    parts: Iterable[Any] = UnknownFieldSet(message)  # type: ignore[assignment]
    for part in parts:
        if part.field_number == FIELD and part.wire_type == _LENGTH_DELIMITED:
            return bytes(part.data).decode(errors="replace")
    return ""


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    return bytes([*encoded, number])


def show(value: Simple) -> str:
    """The value as people read it: as Python writes it, a long number rounded, a text with spaces quoted."""
    if isinstance(value, float):
        exact = repr(value)
        return exact if len(exact) <= _SHORT_NUMBER else f"{value:.6g}"
    if isinstance(value, str):
        text = " ".join(clean(value).split())
        return f'"{text}"' if not text or " " in text else text
    return str(value)


def pair(name: str, value: Simple) -> str:
    return f"{clean(name)}={show(value)}"


@lru_cache(maxsize=4096)
def show_digest(digest: str) -> str:
    """All of its inputs: `number=17 lr=0.0031`."""
    return " ".join(pair(name, value) for name, value in read_digest(digest).items())
