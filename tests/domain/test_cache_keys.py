"""The server's cache key of a root is the one that the SDK computes for the same call as a child."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flyte
import pytest
from flyte._internal.runtime import convert
from flyte._internal.runtime.task_serde import translate_task_to_wire
from flyte.models import SerializationContext
from flyteidl2.core import literals_pb2

from runs.domain import cache_keys

# The SDK imports its type transformers when it meets the first dict.
pytestmark = pytest.mark.filterwarnings("ignore:Support for class-based `config`:DeprecationWarning")
env = flyte.TaskEnvironment(name="keys")


@dataclass
class Point:
    x: int
    labels: dict[str, float]


@env.task(cache="auto")
async def scalars(n: int, share: float, word: str, ok: bool = True) -> int:
    return n


@env.task(cache=flyte.Cache(behavior="override", version_override="v7"))
async def structures(points: list[Point], names: dict[str, list[int]], untyped: dict) -> str:
    return ""


@env.task(cache=flyte.Cache(behavior="auto", ignored_inputs=("when",)))
async def ignores(n: int, when: str) -> int:
    return n


@env.task(cache="auto")
async def takes_nothing() -> None:
    pass


@env.task
async def is_not_cached(n: int) -> int:
    return n


CALLS: list[tuple[Any, dict[str, Any]]] = [
    (scalars, {"n": 1, "share": 0.5, "word": "é", "ok": False}),
    (structures, {
        "points": [Point(1, {"b": 1.0, "a": -2.5})], "names": {"z": [1, 2], "a": []},
        "untyped": {"b": [1, {"d": None, "c": 2**40}], "a": b"x", "é": 1e300},
    }),
    (ignores, {"n": 3, "when": "now"}),
    (takes_nothing, {}),
]  # fmt: skip


async def call(task: Any, values: dict[str, Any]) -> tuple[Any, Any]:
    """The task's spec and its inputs, as they go over the wire."""
    spec = translate_task_to_wire(task, SerializationContext(version="v1", root_dir=Path(__file__).parent))
    inputs = await convert.convert_from_native_to_inputs(task.native_interface, **values)
    return spec, inputs.proto_inputs


def by_sdk(spec: Any, inputs: Any) -> str:
    template = spec.task_template
    return convert.generate_cache_key_hash(
        template.id.name,
        convert.generate_inputs_hash_from_proto(inputs),
        template.interface,
        template.metadata.discovery_version,
        list(template.metadata.cache_ignore_input_vars),
        inputs,
    )


@pytest.mark.parametrize(("task", "values"), CALLS, ids=lambda value: getattr(value, "name", ""))
async def test_the_key_is_that_of_the_sdk(task: Any, values: dict[str, Any]):
    spec, inputs = await call(task, values)

    assert cache_keys.key_of(spec.SerializeToString(), inputs) == by_sdk(spec, inputs) != ""


async def test_a_value_that_carries_a_hash_counts_by_it():
    spec, inputs = await call(structures, CALLS[1][1])
    one, other = (key_with_hash(spec, inputs, digest) for digest in ("one", "other"))

    assert one != other
    named = inputs.literals[0].value
    named.CopyFrom(literals_pb2.Literal(hash="one"))
    assert cache_keys.key_of(spec.SerializeToString(), inputs) == one == by_sdk(spec, inputs)


def key_with_hash(spec: Any, inputs: Any, digest: str) -> str:
    inputs.literals[0].value.hash = digest
    key = cache_keys.key_of(spec.SerializeToString(), inputs)
    assert key == by_sdk(spec, inputs)
    return key


async def test_ignored_inputs_do_not_count_and_what_is_not_cached_has_no_key():
    keys = {
        cache_keys.key_of(*_wire(await call(ignores, {"n": n, "when": when})))
        for n, when in ((1, "now"), (1, "later"), (2, "now"))
    }

    assert len(keys) == 2
    assert cache_keys.key_of(*_wire(await call(is_not_cached, {"n": 1}))) == ""


def _wire(called: tuple[Any, Any]) -> tuple[bytes, Any]:
    spec, inputs = called
    return spec.SerializeToString(), inputs


async def test_the_order_in_which_a_dict_was_filled_does_not_count():
    values = CALLS[1][1]
    turned = {**values, "untyped": dict(reversed(values["untyped"].items()))}

    first, second = [_wire(await call(structures, one)) for one in (values, turned)]

    assert cache_keys.key_of(*first) == cache_keys.key_of(*second)
