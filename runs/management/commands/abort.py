"""`manage.py abort RUN [ACTION]`: asks the running server; when none listens, records the abort for when it starts."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from runs import operations
from runs.errors import FlyteUIError
from runs.names import ActionRef, RunRef, check_action_name, check_run_name, check_scope
from runs.phases import Phase

SERVICE = "/flyteidl2.workflow.RunService/"
TIMEOUT_SECONDS = 30.0
REASON = "Aborted with manage.py abort"
ACTOR = "manage.py abort"


class Command(BaseCommand):
    """Abort a run, or one action with all that runs below it."""

    help = "Abort a run, or one action with all that runs below it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run")
        parser.add_argument("action", nargs="?", help="the action's name, e.g. a0; without it the whole run")
        parser.add_argument("--reason", default=REASON)
        parser.add_argument("--project", default=settings.DEFAULT_PROJECT)
        parser.add_argument("--domain", default=settings.DOMAINS[0])

    def handle(
        self, *args: Any, run: str, action: str | None, reason: str, project: str, domain: str, **options: Any
    ) -> None:
        try:
            ref = RunRef(check_scope("project", project), check_scope("domain", domain), check_run_name(run))
            target = ActionRef(ref, check_action_name(action)) if action else ref
            try:
                told = ask_server(target, reason)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                told = abort_here(target, reason)
        except FlyteUIError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(told)


def ask_server(target: RunRef | ActionRef, reason: str) -> str:
    """Abort through the API; raises httpx.ConnectError when nobody listens."""
    run = target.run if isinstance(target, ActionRef) else target
    identifier: dict[str, Any] = {"project": run.project, "domain": run.domain, "name": run.name}
    if isinstance(target, ActionRef):
        method, body = "AbortAction", {"actionId": {"run": identifier, "name": target.name}}
    else:
        method, body = "AbortRun", {"runId": identifier}
    answer = httpx.post(
        f"http://{settings.HOST}:{settings.PORT}{SERVICE}{method}",
        json={**body, "reason": reason},
        headers={"x-flyteui-actor": ACTOR},
        timeout=TIMEOUT_SECONDS,
    )
    if answer.status_code != httpx.codes.OK:
        raise CommandError(f"the server refused: {_message(answer)}")
    return describe(
        target, answer.headers.get("x-flyteui-outcome", ""), answer.headers.get("x-flyteui-phase", "")
    )


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError):
        return f"{answer.status_code} {answer.text[:200]}"


def abort_here(target: RunRef | ActionRef, reason: str) -> str:
    """Write the request to the database; executors hear of it when they meet the server again."""
    answer = operations.request_abort(target, reason=reason, actor=ACTOR)
    told = describe(target, answer.outcome, Phase(answer.phase).slug)
    if answer.outcome == "requested":
        told += (
            f" No server listens on {settings.HOST}:{settings.PORT}; what runs hears of it when one starts."
        )
    return told


def describe(target: RunRef | ActionRef, outcome: str, phase: str) -> str:
    """One sentence on what the abort found."""
    what = f"Action {target}" if isinstance(target, ActionRef) else f"Run {target}"
    match outcome:
        case "already_ended":
            return f"{what} had ended already ({phase}); nothing changes."
        case "already_requested":
            return f"{what} is being aborted already; the first reason stays."
        case _:
            return f"Abort of {what[0].lower()}{what[1:]} requested."
