"""Parses the command line that the SDK wrote into a task's container, and fills in its templates. Pure.

An executor loads and runs a task by these arguments alone; nothing else of the spec matters to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runs.domain.caches import cached
from runs.protocol.frames import Lease, RunInfo

ENTRY_POINT = "a0"
_TEMPLATE = re.compile(r"\{\{\s*[.$](\w+)\s*\}\}")
_SHORT_OPTIONS = {
    "-i": "inputs",
    "-o": "outputs-path",
    "-v": "version",
    "-r": "raw-data-path",
    "-c": "checkpoint-path",
    "-p": "prev-checkpoint",
}


class CommandError(ValueError):
    """The container does not start the SDK's entry point, so an executor cannot run it."""


@dataclass(frozen=True, slots=True)
class Command:
    """The arguments that are the same for every action of the task. cores, memory_bytes: what it declares to use, 0 if none."""

    args: tuple[str, ...]
    version: str
    image_cache: str | None
    tgz: str
    pkl: str
    dest: str
    resolver: str
    resolver_args: tuple[str, ...]
    cores: float = 0.0
    memory_bytes: int = 0


@cached(64 * 1024**2, size=lambda args, *_: 2 * sum(map(len, args)))
def parse_command(args: tuple[str, ...], cores: float = 0.0, memory_bytes: int = 0) -> Command:
    """Read the arguments, or raise CommandError. The same tuple gives the same object."""
    if not args or args[0] != ENTRY_POINT:
        shown = " ".join(args)[:200] or "nothing"
        raise CommandError(
            f"the task's container runs {shown!r}; executors run Python tasks only, which start with {ENTRY_POINT!r}"
        )
    options, positional = _split(args[1:])
    pkl, resolver = options.get("pkl", ""), options.get("resolver", "")
    if not pkl and not (resolver and positional):
        raise CommandError(
            "the task's container names neither a pickled bundle (--pkl) nor a --resolver with arguments"
        )
    return Command(
        args=args,
        version=options.get("version", ""),
        image_cache=options.get("image-cache"),
        tgz=options.get("tgz", ""),
        pkl=pkl,
        dest=options.get("dest", "."),
        resolver=resolver,
        resolver_args=tuple(positional),
        cores=cores,
        memory_bytes=memory_bytes,
    )


def _split(args: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    options: dict[str, str] = {}
    positional: list[str] = []
    rest = iter(args)
    for arg in rest:
        if arg.startswith("--"):
            name, equals, value = arg[2:].partition("=")
            options[name] = value if equals else next(rest, "")
        elif arg in _SHORT_OPTIONS:
            options[_SHORT_OPTIONS[arg]] = next(rest, "")
        else:
            positional.append(arg)
    return options, positional


def render_command(command: Command, lease: Lease, run: RunInfo) -> list[str]:
    """The arguments for one attempt. An unknown template stays as it is, as in Flyte."""
    values = {name.lower(): value for name, value in template_values(lease, run).items()}
    return [_fill(arg, values) for arg in command.args]


def _fill(arg: str, values: Mapping[str, str]) -> str:
    return _TEMPLATE.sub(lambda match: values.get(match[1].lower(), match[0]), arg)


def template_values(lease: Lease, run: RunInfo) -> dict[str, str]:
    return {
        "input": lease.input_uri,
        "inputPrefix": lease.input_uri.rpartition("/")[0],
        "outputPrefix": lease.output_uri,
        "rawOutputDataPrefix": raw_data_path(lease, run),
        "checkpointOutputPrefix": checkpoint_path(lease),
        # Flyte's own backend renders "there is none" as two quotes for a shell; here is no shell, and the SDK
        # would take them for a path.
        "prevCheckpointPrefix": lease.prev_checkpoint,
        "perRetryUniqueKey": f"{run.name}-{lease.key.name}-{lease.attempt}",
        "namespace": f"{run.project}-{run.domain}",
        "runName": run.name,
        "actionName": lease.key.name,
        "runStartTime": run.started_from,
    }


def raw_data_path(lease: Lease, run: RunInfo) -> str:
    """A folder of this attempt alone, so that files of a failed attempt are not mistaken for what an output refers to."""
    return f"{run.raw_data_prefix.rstrip('/')}/{run.name}/{lease.key.name}/{lease.attempt}"


def checkpoint_path(lease: Lease) -> str:
    """The server knows this formula: it is the next attempt's prev_checkpoint."""
    return f"{lease.output_uri}/_flytecheckpoints"
