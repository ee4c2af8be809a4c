"""`flyteui abort RUN [ACTION | --subtree ACTION | --phase PHASE | --group GROUP | --beside ACTION] [--dry-run | --force]`.

Asks the running server; when none listens, records the abort for when it starts.
"""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import CommandError

from runs.access import gate, tokens
from runs.domain.addresses.pages import run_path
from runs.domain.errors import FlyteUIError
from runs.domain.names import ROOT, ActionRef, RunRef, check_action_name, check_run_name, check_scope
from runs.domain.phases import Phase
from runs.domain.selections import Selection, select
from runs.engine.aborts import request_abort, request_aborts
from runs.management.base import ServerCommand
from runs.queries.aborts import previews
from runs.queries.runs import get_run
from runs.store import local_server

SERVICE = "/flyteidl2.workflow.RunService/"
TIMEOUT_SECONDS = 30.0
ACTOR = "flyteui abort"
NO_SERVER = f" No server listens on {settings.HOST}:{settings.PORT}; what runs hears of it when one starts."


class Command(ServerCommand):
    """Abort a run, or one action with all that runs below it."""

    help = "Abort a run, or one action with all that runs below it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", help="the name of the run")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("action", nargs="?", help="the action's name, e.g. a0; without it the whole run")
        what.add_argument("--subtree", metavar="ACTION", help="the action with all that is below it")
        what.add_argument("--phase", help="all actions in this phase but the root, e.g. running or queued")
        what.add_argument("--group", help="all actions of this group")
        what.add_argument("--beside", metavar="ACTION", help="all other actions with the parent of this one")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--dry-run", action="store_true", help="only say what would be aborted")
        how.add_argument(
            "--force",
            action="store_true",
            help="do not wait for what refuses to stop; for a run or an action, also when it was asked to stop before",
        )
        parser.add_argument("--reason", default="", help="why; the parent and the page show it")
        parser.add_argument("--project", default=settings.DEFAULT_PROJECT)
        parser.add_argument("--domain", default=settings.DOMAINS[0])

    def handle(
        self, *args: Any, run: str, action: str | None, reason: str, project: str, domain: str, **options: Any
    ) -> None:
        try:
            ref = RunRef(check_scope("project", project), check_scope("domain", domain), check_run_name(run))
            if options["dry_run"]:
                text = preview_here(ref, select_from(options, default=action or ROOT))
            elif any(options[one] for one in ("subtree", "phase", "group", "beside")):
                if options["force"]:
                    raise CommandError("--force works on a run or on an action, not on a selection")
                text = abort_many(ref, select_from(options), reason)
            else:
                text = abort_one(
                    ActionRef(ref, check_action_name(action)) if action else ref,
                    reason,
                    force=options["force"],
                )
        except FlyteUIError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(text)


def select_from(options: dict[str, Any], *, default: str = "") -> Selection:
    """What the options select; without one of them, the default action."""
    phase, group, beside = (options[one] or "" for one in ("phase", "group", "beside"))
    name = options["subtree"] or ("" if phase or group or beside else default)
    return select(names=[name] if name else [], phase=phase, group=group, beside=beside)


def preview_here(run: RunRef, selection: Selection) -> str:
    """What an abort would find: a read, which needs no server."""
    found = previews.preview_aborts(get_run(run).id, run.name, selection)
    return (
        f"An abort of {selection} of run {run} would stop {found.running} running and {found.waiting} waiting; "
        f"{found.finished} finished already, {found.already_asked} being aborted already. Nothing was changed."
    )


def abort_one(target: RunRef | ActionRef, reason: str, *, force: bool) -> str:
    try:
        return ask_server(target, reason, force=force)
    except (httpx.ConnectError, httpx.ConnectTimeout):
        return abort_here(target, reason, force=force)


def abort_many(run: RunRef, selection: Selection, reason: str) -> str:
    try:
        found = ask_server_for_many(run, selection, reason)
        note = ""
    except (httpx.ConnectError, httpx.ConnectTimeout):
        found = asdict(request_aborts(run, selection, reason=reason, actor=ACTOR))
        note = NO_SERVER if found["reached"] else ""
    return (
        f"Abort of {selection} of run {run} requested: it reaches {found['reached']}, of which {found['stopped']} "
        f"stopped at once; {found['finished']} had finished, {found['already_asked']} were being aborted already.{note}"
    )


def ask_server_for_many(run: RunRef, selection: Selection, reason: str) -> dict[str, int]:
    """Abort through the JSON endpoint; the preview before it gives the CSRF cookie."""
    asked = {
        "names": sorted(selection.names),
        "phase": selection.phase.slug if selection.phase else "",
        "group": selection.group,
        "beside": selection.beside,
    }
    query = {
        "name": asked["names"],
        "phase": asked["phase"],
        "group": asked["group"],
        "beside": asked["beside"],
    }
    path = f"{run_path(run)}/aborts"
    with local_server.client(TIMEOUT_SECONDS, identification()) as client:
        answer = client.get(f"{path}/preview", params=query)
        if answer.status_code == httpx.codes.OK:
            token = client.cookies.get("csrftoken") or ""
            # Behind a proxy that speaks TLS the cookie is for https only, and this is not.
            headers = {"x-csrftoken": token, "cookie": f"csrftoken={token}", "origin": settings.LOCAL_URL}
            answer = client.post(path, json={**asked, "reason": reason}, headers=headers)
    if answer.status_code != httpx.codes.OK:
        raise CommandError(f"the server refused: {_message(answer)}")
    found: dict[str, int] = answer.json()
    return found


def ask_server(target: RunRef | ActionRef, reason: str, *, force: bool) -> str:
    """Abort through the API; raises httpx.ConnectError when no server listens."""
    run = target.run if isinstance(target, ActionRef) else target
    identifier: dict[str, Any] = {"project": run.project, "domain": run.domain, "name": run.name}
    if isinstance(target, ActionRef):
        method, body = "AbortAction", {"actionId": {"run": identifier, "name": target.name}}
    else:
        method, body = "AbortRun", {"runId": identifier}
    headers = {"x-flyteui-force": str(int(force))}
    with local_server.client(TIMEOUT_SECONDS, identification()) as client:
        answer = client.post(f"{SERVICE}{method}", json={**body, "reason": reason}, headers=headers)
    if answer.status_code != httpx.codes.OK:
        raise CommandError(f"the server refused: {_message(answer)}")
    return describe(
        target, answer.headers.get("x-flyteui-outcome", ""), answer.headers.get("x-flyteui-phase", "")
    )


def identification() -> dict[str, str]:
    """The headers by which the server knows a command that has its secret key, and who has called it."""
    if gate.is_open():
        return {"x-flyteui-actor": ACTOR}
    return {"Authorization": f"Bearer {tokens.sign_command(ACTOR)}", "x-flyteui-actor": gate.server_user()}


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError):
        return f"{answer.status_code} {answer.text[:200]}"


def abort_here(target: RunRef | ActionRef, reason: str, *, force: bool) -> str:
    """Write the request to the database; executors get it when they connect again."""
    answer = request_abort(target, reason=reason, actor=ACTOR, force=force)
    text = describe(target, answer.outcome, Phase(answer.phase).slug)
    if answer.outcome in {"requested", "forced"}:
        text += NO_SERVER
    return text


def describe(target: RunRef | ActionRef, outcome: str, phase: str) -> str:
    """One sentence on what the abort found."""
    what = f"Action {target}" if isinstance(target, ActionRef) else f"Run {target}"
    match outcome:
        case "already_ended":
            return f"{what} had ended already ({phase}); nothing changes."
        case "already_requested":
            return f"{what} is being aborted already; the first reason stays."
        case "forced":
            return f"{what} is being aborted without its grace periods."
        case _:
            return f"Abort of {what[0].lower()}{what[1:]} requested."
