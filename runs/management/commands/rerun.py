"""`flyteui rerun RUN [ACTION] [--input NAME=VALUE …]`: run again, with changes.

Asks the running server, with the request that the form of the page makes; when none listens, records the run for when it starts.
"""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import CommandError
from flyteidl2.workflow import run_service_pb2

from runs.access import gate, tokens
from runs.domain.addresses.pages import run_path
from runs.domain.errors import FlyteUIError
from runs.domain.forms.options import read_options, split_options
from runs.domain.names import ROOT, ActionRef, RunRef, check_action_name, check_run_name, check_scope
from runs.launch.files import upload_local
from runs.launch.rerun import Changes, Source, make_request, read_source, rerun
from runs.management.base import ServerCommand
from runs.store import local_server

PATH = "/flyteidl2.workflow.RunService/CreateRun"
TIMEOUT_SECONDS = 60.0


class Command(ServerCommand):
    """Run a run, or one of its actions, again."""

    help = "Run a run, or one of its actions, again, with changes if you like."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", help="the name of the run")
        parser.add_argument("action", nargs="?", default=ROOT, help="one of its actions, as a run of its own")
        many: dict[str, Any] = {"action": "append", "default": []}
        parser.add_argument(
            "--input",
            metavar="NAME=VALUE",
            help="another value of an input; lists and objects as JSON, of a File or Dir also a path, which is uploaded",
            **many,
        )
        parser.add_argument("--env", metavar="NAME=VALUE", help="an environment variable", **many)
        parser.add_argument("--label", metavar="NAME=VALUE", help="a label", **many)
        parser.add_argument("--name", default="", help="of the new run; made up without it")
        parser.add_argument("--overwrite-cache", action="store_true", help="compute again what the cache has")
        parser.add_argument(
            "--recover", action="store_true", help="take over what succeeded; only the rest runs"
        )
        parser.add_argument("--project", default=settings.DEFAULT_PROJECT)
        parser.add_argument("--domain", default=settings.DOMAINS[0])

    def handle(self, *args: Any, run: str, action: str, project: str, domain: str, **options: Any) -> None:
        try:
            ref = RunRef(check_scope("project", project), check_scope("domain", domain), check_run_name(run))
            source = read_source(ActionRef(ref, check_action_name(action)))
            new, note = start(source, changes_from(source, options))
        except FlyteUIError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Run {new.name} runs {run} again: {settings.PUBLIC_URL}{run_path(new)}{note}")


def changes_from(source: Source, options: dict[str, Any]) -> Changes:
    """What the options say is to be different; variables and labels come to those that there are."""
    variables = source.task.task_template.interface.inputs.variables
    scope = source.ref.run.project, source.ref.run.domain
    return Changes(
        inputs=read_options(upload_local(options["input"], variables, scope), variables, source.literals),
        envs=source.envs | split_options(options["env"], "--env"),
        labels=source.labels | split_options(options["label"], "--label"),
        name=options["name"],
        overwrite_cache=True if options["overwrite_cache"] else None,
        recover=options["recover"],
    )


def start(source: Source, changes: Changes) -> tuple[RunRef, str]:
    """The new run, and what else is to be said."""
    request = make_request(source, changes)
    try:
        return ask_server(request), ""
    except (httpx.ConnectError, httpx.ConnectTimeout):
        new = asyncio.run(rerun(source, changes, created_by=gate.server_user()))
        return new, f"\nNo server listens on {settings.HOST}:{settings.PORT}; it runs when one starts."


def ask_server(request: run_service_pb2.CreateRunRequest) -> RunRef:
    """Create it through the API; raises httpx.ConnectError when no server listens."""
    headers = {
        "content-type": "application/proto",
        "connect-protocol-version": "1",
        "x-flyteui-actor": gate.server_user(),
    }
    if not gate.is_open():
        headers["Authorization"] = f"Bearer {tokens.sign_command('flyteui rerun')}"
    with local_server.client(TIMEOUT_SECONDS, headers) as client:
        answer = client.post(PATH, content=request.SerializeToString())
    if answer.status_code != httpx.codes.OK:
        raise CommandError(f"the server refused: {_message(answer)}")
    made = run_service_pb2.CreateRunResponse.FromString(answer.content).run.action.id.run
    return RunRef(made.project, made.domain, made.name)


def _message(answer: httpx.Response) -> str:
    """What a Connect error says: it is JSON, whatever the request was."""
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError):
        return f"{answer.status_code} {answer.text[:200]}"
