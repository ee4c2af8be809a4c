"""Images: what the name of one asks for, and the task that builds one. Pure.

An image becomes a Python environment on the worker's machine. Its name alone says whether the worker's own Python will do,
whether a build of ours makes it, or whether somebody else has made it, whom we cannot ask.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache

from flyteidl2.core import interface_pb2, types_pb2
from flyteidl2.task import task_definition_pb2

from runs.domain.names import BUILD_PROJECT
from runs.domain.specs import TaskFacts, read_task_message

REGISTRY = "flyteui.local"  # of images that were built here; nothing is ever pulled from it
MAX_IMAGE_NAME = 500
# Where the flyte client looks for the task that builds an image (PROTOCOL of the SDK: remote_builder.py).
BUILD_DOMAIN, BUILD_TASK = "production", "build-image"
BUILD_VERSION = "1"  # a new one whenever the spec below changes
RESOLVER = "flyteui.images"  # no module: an executor of that pool has the task itself
FORCE = "force"
INPUTS = ("spec", "context", "target_image")

_SDK_BASE = re.compile(r"(?:[\w.:-]+/)*flyte:py(\d+\.\d+)-v(\d[\w.]*)")
_PYTHON_BASE = re.compile(r"(?:docker\.io/)?(?:library/)?python:(\d+\.\d+)(?:[.-][\w.-]*)?")
_BUILT_BY_CLIENT = re.compile(r".+:[0-9a-f]{32}")  # the SDK's digest of layers


@dataclass(frozen=True, slots=True)
class Versions:
    """Of a Python environment. python: minor, such as 3.12; flyte: "" where none is said."""

    python: str
    flyte: str = ""

    def fits(self, own: Versions) -> bool:
        """Whether code for these runs as well in an environment with `own`: same Python minor, same minor of the SDK."""
        return self.python == own.python and (not self.flyte or minor(self.flyte) == minor(own.flyte))


class Origin(Enum):
    """OWN: the worker's Python. BUILT: a build of ours, which the client starts. SDK: an image of the SDK, or of Python, as it
    is: likewise, but nobody asks for it, so we start it. ELSEWHERE: the client, or somebody else, built it for a container engine.
    """

    OWN = auto()
    BUILT = auto()
    SDK = auto()
    ELSEWHERE = auto()


@dataclass(frozen=True, slots=True)
class Need:
    """What an action's image asks for. name: of the image in our table, "" for OWN."""

    origin: Origin
    name: str = ""


def minor(version: str) -> tuple[str, ...]:
    return tuple(version.split(".")[:2])


def read_base(image: str) -> Versions | None:
    """What the name of a base image says; None for one that is no plain Python, such as ubuntu:24.04."""
    if found := _SDK_BASE.fullmatch(image):
        return Versions(found[1], found[2])
    if found := _PYTHON_BASE.fullmatch(image):
        return Versions(found[1])
    return None


def need_of(image: str, own: Versions) -> Need:
    """What the image of a task asks for where workers have `own`."""
    if image.startswith(f"{REGISTRY}/"):
        return Need(Origin.BUILT, image.removeprefix(f"{REGISTRY}/"))
    base = read_base(image)
    if base is not None and not base.fits(own):
        return Need(Origin.SDK, plain_name(image))
    if base is None and _BUILT_BY_CLIENT.fullmatch(image):
        return Need(Origin.ELSEWHERE, plain_name(image))
    return Need(Origin.OWN)


def full_name(name: str) -> str:
    """What the client is told, and puts into its tasks."""
    return f"{REGISTRY}/{name}"


def plain_name(target_image: str) -> str:
    """<name>:<md5>, as ImageService asks for it, of a target that may name a registry."""
    return target_image.rpartition("/")[2]


def label_of(name: str) -> str:
    """What people call it: a digest is cut as one of a commit."""
    plain, _, tag = name.partition(":")
    return f"{plain}:{tag[:7]}" if _BUILT_BY_CLIENT.fullmatch(name) else name


def is_build_task(spec: task_definition_pb2.TaskSpec) -> bool:
    """Whether a client wants an image built: it sends the whole spec, with the secrets of the build in it."""
    asked = spec.task_template.id
    return (asked.project, asked.domain, asked.name) == (BUILD_PROJECT, BUILD_DOMAIN, BUILD_TASK)


@cache
def build_task(*, is_forced: bool = False) -> TaskFacts:
    """The task that builds an image. is_forced: also where it was built before."""
    message = task_definition_pb2.TaskSpec(short_name=BUILD_TASK)
    message.environment.name = "images"
    template = message.task_template
    template.id.project, template.id.domain = BUILD_PROJECT, BUILD_DOMAIN
    template.id.name, template.id.version, template.type = BUILD_TASK, BUILD_VERSION, "python"
    text = types_pb2.LiteralType(simple=types_pb2.STRING)
    for name in INPUTS:
        template.interface.inputs.variables.append(_variable(name, text))
    template.interface.outputs.variables.append(_variable("o0", text))
    template.container.args.extend(
        [
            "a0", "--inputs", "{{.input}}", "--outputs-path", "{{.outputPrefix}}", "--version", BUILD_VERSION,
            "--raw-data-path", "{{.rawOutputDataPrefix}}", "--run-name", "{{.runName}}", "--name", "{{.actionName}}",
            "--resolver", RESOLVER, BUILD_TASK, *([FORCE] if is_forced else []),
        ]
    )  # fmt: skip
    return read_task_message(message)


def _variable(name: str, kind: types_pb2.LiteralType) -> interface_pb2.VariableEntry:
    return interface_pb2.VariableEntry(key=name, value=interface_pb2.Variable(type=kind))


def is_build(task: TaskFacts) -> bool:
    """Whether this is our own task, which only the pool of the builder runs."""
    return task.digest in {build_task().digest, build_task(is_forced=True).digest}
