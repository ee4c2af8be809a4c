"""From the spec of an image to a plan: which Python and flyte, what uv does in which order, what is copied. Pure.

What only a container has (apt packages, commands, a foreign base image) is named, and the rest is done. What the SDK itself
adds to its default images makes no difference here, and is not mentioned.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from string import Template

from flyteidl2.imagebuilder import definition_pb2 as idl

from runs.domain.images import Versions, read_base
from runs.executor.images import pixi

# They stand in the arguments of steps for these folders.
CONTEXT_MARK, ENVIRONMENT_MARK = "{context}", "{environment}"
HOME = "/root"  # of the SDK's images: where they start, and what they import from
DEFAULT_WORKDIRS = frozenset({"/root", "/home/flyte"})
# What the SDK puts into its own images, or needs for pixi.
DEFAULT_APT = frozenset({"build-essential", "ca-certificates", "git", "curl", "bzip2"})
DEFAULT_ENV = frozenset({"VIRTUAL_ENV", "UV_PYTHON", "UV_LINK_MODE", "PIXI_PROJECT_MANIFEST"})
DEFAULT_PATHS = ("/opt/venv/bin:", f"{pixi.PROJECT}/")  # with which the SDK begins PATH
_CREATES_USER = "useradd --create-home --shell /bin/bash flyte"
PROJECT_FILES = frozenset({"pyproject.toml", "uv.lock", "poetry.lock"})
MAX_WORDS = 300  # characters of one thing that cannot be honoured


@dataclass(frozen=True, slots=True)
class Step:
    """One command of uv. says: for the log, such as: install pandas==2.2.0."""

    says: str
    arguments: tuple[str, ...]
    copies: tuple[tuple[str, str], ...] = ()  # files of the context to put elsewhere before: from, to
    unless_there: tuple[str, ...] = ()  # packages to add as arguments, where there is none of that name


@dataclass(frozen=True, slots=True)
class Copy:
    """A file or folder of the context, and where the image has it: an absolute path, or a folder that ends with a slash."""

    source: str
    target: str


@dataclass(slots=True)
class Plan:
    """python: a minor version. flyte: "" when the base image has none, and then the worker's own is put in."""

    python: str
    flyte: str = ""
    pixi: list[pixi.Install] = field(default_factory=list)  # they make the Python, before all steps
    steps: list[Step] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    workdir: str = ""
    not_honoured: list[str] = field(default_factory=list)

    @property
    def prefix(self) -> str:
        """Where its Python lies, relative to the environment's folder; "": where uv makes it."""
        return self.pixi[-1].prefix if self.pixi else ""

    def cannot(self, what: str) -> None:
        """Say once that something is not honoured."""
        what = what if len(what) <= MAX_WORDS else f"{what[: MAX_WORDS - 1]}…"
        if what not in self.not_honoured:
            self.not_honoured.append(what)


def make_plan(
    spec: idl.ImageSpec, own: Versions, variables: Mapping[str, str], *, has_pixi: bool = False
) -> Plan:
    """What to do for this image. own: the worker's; variables: of the build, which values of the image may name.

    has_pixi: whether it is on this machine.
    """
    base = read_base(spec.base_image)
    plan = Plan(python=base.python if base else spec.python_version or own.python)
    plan.flyte = base.flyte if base else ""
    if base is None and spec.base_image:
        plan.cannot(f"base image {spec.base_image}")
    installs = pixi.read_installs(spec.layers)
    if has_pixi:
        plan.pixi = installs
    elif installs:
        plan.cannot(pixi.NOT_HERE)
    for layer in spec.layers:
        _add(plan, layer, variables, is_pixi=bool(installs))
    if plan.copies and not plan.workdir:
        plan.workdir = HOME
    return plan


def _add(plan: Plan, layer: idl.Layer, variables: Mapping[str, str], *, is_pixi: bool) -> None:
    match layer.WhichOneof("layer"):
        case "apt_packages":
            _add_apt(plan, layer.apt_packages.packages)
        case "commands":
            _add_commands(plan, layer.commands.cmd, is_pixi=is_pixi)
        case "env":
            plan.env.update(_variables(layer.env.env_variables, {**variables, **plan.env}))
        case "workdir":
            if layer.workdir.workdir not in DEFAULT_WORKDIRS:
                plan.workdir = posixpath.join(plan.workdir or HOME, layer.workdir.workdir)
                plan.cannot(
                    f"working folder {plan.workdir}: actions begin in a folder of their own, which has its files, not at that path"
                )
        case "copy_config":
            if not (is_pixi and pixi.is_part(layer.copy_config)):
                _add_copy(plan, layer.copy_config)
        case _:
            plan.steps.extend(_installs(plan, layer))
    for secret in _secrets_of(layer):
        plan.cannot(f"secret {secret} of the build")


def _installs(plan: Plan, layer: idl.Layer) -> list[Step]:
    """The commands of uv for a layer that adds packages."""
    match layer.WhichOneof("layer"):
        case "pip_packages" if layer.pip_packages.packages:
            packages = layer.pip_packages
            return [_pip(" ".join(packages.packages), packages.options, packages.packages)]
        case "requirements":
            file = f"{CONTEXT_MARK}/{layer.requirements.file}"
            name = posixpath.basename(layer.requirements.file)
            return [_pip(f"what {name} lists", layer.requirements.options, ["--requirement", file])]
        case "python_wheels":
            return _wheels(layer.python_wheels)
        case "uv_project":
            return [_uv_project(layer.uv_project)]
        case "poetry_project":
            return _poetry_project(plan, layer.poetry_project)
    return []


def _add_commands(plan: Plan, lines: Iterable[str], *, is_pixi: bool) -> None:
    for line in lines:
        if _CREATES_USER not in line and not (is_pixi and pixi.is_command(line)):
            plan.cannot(f"command: {line}")


def _secrets_of(layer: idl.Layer) -> Iterator[str]:
    kind = layer.WhichOneof("layer")
    for secret in getattr(getattr(layer, kind), "secret_mounts", ()) if kind else ():
        yield "/".join(filter(None, (secret.group, secret.key)))


def _options(options: idl.PipOptions) -> list[str]:
    """uv's words for the options of pip."""
    chosen = ["--default-index", options.index_url] if options.index_url else []
    for url in options.extra_index_urls:
        chosen += ["--index", url]
    if options.pre:
        chosen += ["--prerelease", "allow"]
    return chosen + shlex.split(options.extra_args)


def _pip(what: str, options: idl.PipOptions, arguments: Iterable[str]) -> Step:
    into = ("pip", "install", "--python", f"{ENVIRONMENT_MARK}/bin/python")
    return Step(f"install {what}", (*into, *_options(options), *arguments))


def _wheels(layer: idl.PythonWheels) -> list[Step]:
    """The very wheels of the context, whatever the index has of that name; then what they need comes from the index.

    In this order, because the index may have a version that needs something else.
    """
    links = ["--find-links", f"{CONTEXT_MARK}/{layer.dir}"]
    exactly = [*links, "--no-deps", "--no-index", "--reinstall-package", layer.package_name]
    return [
        _pip(f"the wheel of {layer.package_name}", idl.PipOptions(), [*exactly, layer.package_name]),
        _pip(f"what {layer.package_name} needs", layer.options, [*links, layer.package_name]),
    ]


def _project_folder(path: str) -> str:
    """The folder of a project in the context, by its own path or that of a file in it. "": the context itself."""
    folder = posixpath.dirname(path) if posixpath.basename(path) in PROJECT_FILES else path
    folder = posixpath.normpath(folder)
    return "" if folder == "." else folder


def _uv_project(layer: idl.UVProject) -> Step:
    """Into the environment, beside what is there; with a lock, exactly what it says."""
    folder = _project_folder(layer.pyproject)
    options = _options(layer.options)
    copies: tuple[tuple[str, str], ...] = ()
    if layer.uvlock:
        if _project_folder(layer.uvlock) != folder:
            copies = ((layer.uvlock, posixpath.join(folder, "uv.lock")),)
        if not {"--locked", "--frozen"}.intersection(options):
            options.append("--frozen")
    name = posixpath.basename(folder) or "the project"
    says = f"install the project {name}" + (", as its uv.lock says" if layer.uvlock else "")
    sync = ("sync", "--inexact", "--no-editable", "--no-dev", "--project", f"{CONTEXT_MARK}/{folder}")
    return Step(says, (*sync, "--python", f"{ENVIRONMENT_MARK}/bin/python", *options), copies)


# Of poetry's install: which groups and extras; what else it takes is about its own environment.
_GROUPS = frozenset({"--only", "--with", "--without", "--extras", "-E"})


def _poetry_project(plan: Plan, layer: idl.PoetryProject) -> list[Step]:
    """What its lock pins is installed by uv, then the project itself, unless --no-root."""
    folder = _project_folder(layer.pyproject)
    copies: tuple[tuple[str, str], ...] = ()
    if _project_folder(layer.poetry_lock) != folder:
        copies = ((layer.poetry_lock, posixpath.join(folder, "poetry.lock")),)
    groups, words = [], iter(shlex.split(layer.extra_args))
    is_root = True
    for word in words:
        if word == "--no-root":
            is_root = False
        elif word == "--all-extras" or (word.partition("=")[0] in _GROUPS and "=" in word):
            groups.append(word)
        elif word in _GROUPS:
            groups += [word, next(words, "")]
        else:
            plan.cannot(f"poetry install {word}")
    pins = f"{CONTEXT_MARK}/poetry-requirements.txt"
    export = (
        "tool", "run", "--python", f"{ENVIRONMENT_MARK}/bin/python", "--from", "poetry", "--with", "poetry-plugin-export", "poetry", "export", "--no-interaction",
        "--format", "requirements.txt", "--output", pins, "--directory", f"{CONTEXT_MARK}/{folder}", *groups,
    )  # fmt: skip
    steps = [
        Step("read poetry.lock", export, copies),
        _pip("what poetry.lock pins", idl.PipOptions(), ["--requirement", pins]),
    ]
    if is_root:
        steps.append(_pip("the project", idl.PipOptions(), ["--no-deps", f"{CONTEXT_MARK}/{folder}"]))
    return steps


def _add_apt(plan: Plan, packages: Iterable[str]) -> None:
    if wanted := [name for name in packages if name not in DEFAULT_APT]:
        plan.cannot(f"apt packages: {', '.join(wanted)}")


def _variables(given: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    """The image's variables, without those that name folders of the SDK's images."""
    chosen = {}
    for name, value in given.items():
        if name in DEFAULT_ENV or (name == "PATH" and value.startswith(DEFAULT_PATHS)):
            continue
        if name == "PYTHONPATH" and value == HOME:
            continue
        chosen[name] = Template(value).safe_substitute(known) if "$" in value else value
    return chosen


def _add_copy(plan: Plan, layer: idl.CopyConfig) -> None:
    """Relative to the working folder, as in a container; what is elsewhere there lies below the environment here."""
    folder = plan.workdir or HOME
    target = posixpath.join(folder, layer.dst)
    if not posixpath.normpath(target).startswith(f"{posixpath.normpath(folder)}/") and posixpath.normpath(
        target
    ) != posixpath.normpath(folder):
        plan.cannot(
            f"files at {layer.dst}: no action can see them there, only relative to its working folder"
        )
    is_folder = layer.dst.endswith("/") or posixpath.basename(layer.dst) in {"", ".", ".."}
    target = posixpath.normpath(target)
    plan.copies.append(Copy(layer.src, f"{target}/" if is_folder else target))
