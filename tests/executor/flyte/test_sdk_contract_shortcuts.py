"""What of the SDK's work the executor does once instead of at each call. As test_sdk_contract.py, each test says what breaks."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import flyte
import pytest
from flyte._internal.controllers.remote._controller import RemoteController
from flyte._internal.image_cache import ImageCache
from flyte._internal.runtime import convert
from flyte._internal.runtime.task_serde import translate_task_to_wire
from flyte._task import AsyncFunctionTaskTemplate
from flyte.models import ActionID, CodeBundle, SerializationContext

from runs.executor.flyte import tasks

env = flyte.TaskEnvironment(name="contract")


@env.task
async def double(n: int) -> int:
    return 2 * n


@env.task
async def says_nothing() -> None:
    pass


def test_a_spec_is_made_once_for_a_task_and_its_context(tmp_path: Path) -> None:
    """`_submit` must find the translator as a global of its module, and must not change what it gets."""
    assert "translate_task_to_wire(_task, new_serialization_context" in inspect.getsource(
        RemoteController._submit
    )
    made: list[Any] = []

    def translate(task: Any, context: SerializationContext, **options: Any) -> Any:
        made.append(translate_task_to_wire(task, context, **options))
        return made[-1]

    memo = tasks.SpecMemo(translate)
    bundle = CodeBundle(computed_version="v1", tgz="file:///b.tgz")
    one = SerializationContext(version="v1", root_dir=Path(__file__).parent, code_bundle=bundle)
    other = SerializationContext(version="v2", root_dir=Path(__file__).parent, code_bundle=bundle)

    assert memo(double, one) is memo(double, one)
    assert memo(double, one) == translate_task_to_wire(double, one)
    assert memo(double, other).task_template.id.version == "v2"
    assert memo(double.override(short_name="twice"), one).short_name == "twice"
    assert len(made) == 3
    assert len(memo._known) == 1  # the overridden one is gone


def test_the_identity_of_a_task_is_made_once_for_its_spec() -> None:
    """`_submit` must look it up in its module at each call, with the template of the spec that the memo above returns."""
    source = inspect.getsource(RemoteController._submit)
    assert "convert.generate_task_identity_hash(task_spec.task_template)" in source
    made: list[str] = []

    def make(template: Any) -> str:
        made.append(convert.generate_task_identity_hash(template))
        return made[-1]

    identity_of = tasks.remember_identity(make)
    context = SerializationContext(version="v1", root_dir=Path(__file__).parent)
    spec, other = (translate_task_to_wire(task, context) for task in (double, says_nothing))

    assert identity_of(spec.task_template) == identity_of(spec.task_template) == made[0]
    assert identity_of(other.task_template) == made[1] != made[0]
    assert len(made) == 2


def test_the_fields_that_make_a_context_are_the_ones_that_the_memo_compares() -> None:
    assert set(SerializationContext.__dataclass_fields__) == {
        "version", "project", "domain", "org", "code_bundle", "input_path", "output_path", "interpreter_path",
        "image_cache", "root_dir",
    }  # fmt: skip
    assert isinstance(double, AsyncFunctionTaskTemplate)
    assert {"links", "plugin_config", "func", "task_type"} <= set(
        AsyncFunctionTaskTemplate.__dataclass_fields__
    )


def test_an_image_cache_is_the_same_object_for_the_same_text() -> None:
    text = ImageCache(image_lookup={"contract": "image"}).to_transport

    assert tasks._image_cache(text) is tasks._image_cache(text)
    assert tasks._image_cache(text).image_lookup == {"contract": "image"}


@pytest.mark.parametrize(
    "id_", [ActionID(name="a"), ActionID(name="a'b", run_name="r", project="p", domain="d", org="")]
)
def test_our_repr_of_an_action_id_is_the_sdks(id_: ActionID) -> None:
    import rich.repr

    theirs: Any = rich.repr.auto(type("ActionID", (), {**vars(ActionID)}))
    assert tasks._repr_of_action_id(id_) == theirs.__repr__(id_)
