"""The cache key of a call of a task: the SDK's formula, for root actions, whose key the server makes.

A contract test (`tests/executor/flyte/test_sdk_contract.py`) holds it to what the SDK computes for a child, so that a task finds
what it came to wherever it was called. Pure.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from flyteidl2.core import interface_pb2, literals_pb2
from flyteidl2.task import common_pb2, run_pb2, task_definition_pb2

from runs.domain.caches import cached

_MSGPACK = "msgpack"


@dataclass(frozen=True, slots=True)
class CacheConfig:
    """The cache settings of a run. is_scoped: only outputs of the same project and domain are taken."""

    overwrites: bool
    is_scoped: bool


@cached(4 * 1024**2, size=len)
def read_config(run_spec: bytes) -> CacheConfig:
    """Read it from a serialised RunSpec; the same bytes are read once."""
    spec = run_pb2.RunSpec.FromString(run_spec)
    return CacheConfig(
        overwrites=spec.overwrite_cache or spec.cache_config.overwrite_cache,
        is_scoped=spec.cache_config.cache_lookup_scope == run_pb2.CACHE_LOOKUP_SCOPE_PROJECT_DOMAIN,
    )


def key_of(task_spec: bytes, inputs: common_pb2.Inputs) -> str:
    """The key of a call of a task, or "" when its outputs are not to be kept."""
    template = task_definition_pb2.TaskSpec.FromString(task_spec).task_template
    metadata = template.metadata
    if not metadata.discoverable:
        return ""
    parts = (
        hash_inputs(inputs, metadata.cache_ignore_input_vars),
        template.id.name,
        _hash_interface(template.interface),
        metadata.discovery_version,
    )
    return _digest("".join(parts).encode())


def hash_inputs(inputs: common_pb2.Inputs, ignored: Collection[str]) -> str:
    """What counts of the inputs; a value that carries a hash of its content counts by that hash."""
    counted = [named for named in inputs.literals if named.name not in ignored]
    if not counted:
        return ""
    return _digest(b"".join(named.name.encode() + b":" + _content(named.value) + b";" for named in counted))


def _digest(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def _hash_interface(interface: interface_pb2.TypedInterface) -> str:
    ordered = interface_pb2.TypedInterface()
    ordered.CopyFrom(interface)
    for message in (ordered.inputs, ordered.outputs):
        entries = sorted(message.variables, key=lambda entry: entry.key)
        if entries:
            del message.variables[:]
            message.variables.extend(entries)
    return _digest(ordered.SerializeToString(deterministic=True))


def _content(literal: literals_pb2.Literal) -> bytes:
    if literal.hash:
        return literal.hash.encode()
    match literal.WhichOneof("value"):
        case "collection":
            return _join(literal.collection.literals)
        case "map":
            items = literal.map.literals
            return b"".join(key.encode() + _content(items[key]) for key in sorted(items))
        case _:
            return _ordered(literal).SerializeToString(deterministic=True)


def _join(literals: Iterable[literals_pb2.Literal]) -> bytes:
    return b"".join(map(_content, literals))


def _ordered(literal: literals_pb2.Literal) -> literals_pb2.Literal:
    """A literal whose msgpack maps are sorted by key: the order in which a dict was filled does not count."""
    if literal.scalar.binary.tag != _MSGPACK:
        return literal
    try:
        content = msgspec.msgpack.decode(literal.scalar.binary.value)
    except (msgspec.MsgspecError, ValueError, TypeError):
        return literal
    ordered = literals_pb2.Literal()
    ordered.CopyFrom(literal)
    ordered.scalar.binary.value = msgspec.msgpack.encode(_sorted(content))
    return ordered


def _sorted(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _sorted(content[key]) for key in sorted(content, key=msgspec.msgpack.encode)}
    if isinstance(content, list):
        return [_sorted(one) for one in content]
    return content
