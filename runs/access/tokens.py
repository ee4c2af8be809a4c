"""Tokens that this server signs itself and keeps nowhere: of an executor, of a run, of a command on the server's own machine.

Each kind is signed with a key of its own, derived from the secret key, so none can pass for another.
"""

from __future__ import annotations

from uuid import UUID

from django.core import signing

from runs.domain.phases import TERMINAL
from runs.domain.roles import Role, Subject, Way
from runs.models import Action

COMMAND_SECONDS = 60  # a command asks at once
_executors = signing.Signer(salt="flyteui.executor", sep=".")
_runs = signing.Signer(salt="flyteui.run", sep=".")
_commands = signing.TimestampSigner(salt="flyteui.command", sep=".")
_RUN, _COMMAND = "run_", "command_"


def sign_executor(executor_id: UUID | str) -> str:
    """What one executor shows; it opens the socket of executors, for this id only, until the executor is given up."""
    return _executors.sign(str(executor_id))


def read_executor(token: str) -> UUID | None:
    """The executor whose token this is; None for anything else."""
    try:
        return UUID(_executors.unsign(token))
    except (signing.BadSignature, ValueError):
        return None


def sign_run(run_id: int) -> str:
    """What the code of a run shows when it calls the API. It ends with the run."""
    return _RUN + _runs.sign(str(run_id))


def subject_of_run(token: str) -> Subject | None:
    """A run that has not ended: an editor of its project. One statement."""
    if not token.startswith(_RUN):
        return None
    try:
        run_id = int(_runs.unsign(token.removeprefix(_RUN)))
    except (signing.BadSignature, ValueError):
        return None
    root = (
        Action.objects.filter(run_id=run_id, parent__isnull=True)
        .exclude(phase__in=sorted(TERMINAL))
        .select_related("run__project")
        .only("run__name", "run__domain", "run__project__name")
        .first()
    )
    if root is None:
        return None
    run, project = root.run, root.run.project.name
    return Subject(
        f"run {project}/{run.domain}/{run.name}", f"run {run.name}", Way.RUN, projects={project: Role.EDITOR}
    )


def sign_command(name: str) -> str:
    """What a command shows that runs beside the server, with its secret key; for a minute."""
    return _COMMAND + _commands.sign(name)


def subject_of_command(token: str) -> Subject | None:
    """Whoever has the server's secret key may do everything with it anyway."""
    if not token.startswith(_COMMAND):
        return None
    try:
        name = _commands.unsign(token.removeprefix(_COMMAND), max_age=COMMAND_SECONDS)
    except signing.BadSignature:
        return None
    return Subject(name, name, Way.COMMAND, everywhere=Role.ADMIN)
