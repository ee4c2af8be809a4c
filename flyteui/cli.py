"""Plugins of the `flyte` command: `flyte abort RUN ACTION`, and `flyte start ui`.

Loaded by flyte through the entry points in pyproject.toml, in the user's process: nothing here imports Django.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import httpx
import rich_click as click

if TYPE_CHECKING:
    from pathlib import Path

REASON = "Manually aborted from the CLI"
SERVICE = "/flyteidl2.workflow.RunService/"
TIMEOUT_SECONDS = 30.0


def extend_abort(command: click.Command) -> click.Command:
    """Let `flyte abort` take a run's name where it took only `run` and `action`; those two work as before.

    A run that is itself called "run" or "action" is reached with `flyte abort run run`, `flyte abort action run a0`.
    """
    assert isinstance(command, click.Group)
    by_name = _abort_by_name(command)
    resolve = command.resolve_command

    def resolve_command(
        ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if command.get_command(ctx, args[0]) is None:
            # No name of its own, so that usage lines say `flyte abort`.
            return "", by_name, args
        return resolve(ctx, args)

    command.resolve_command = resolve_command  # type: ignore[method-assign]
    # So that `flyte abort --reason why RUN ACTION` reaches us; what nobody knows is refused there.
    command.context_settings = {**command.context_settings, "ignore_unknown_options": True}
    command.subcommand_metavar = "(RUN-NAME [ACTION-NAME] | COMMAND [ARGS]...)"
    command.help = (
        f"{command.help}\n\n"
        "`flyte abort RUN-NAME ACTION-NAME` aborts one action with all that runs below it, "
        "`flyte abort RUN-NAME` the whole run."
    )
    return command


def _abort_by_name(group: click.Group) -> click.Command:
    """The command that hands over to the group's own; of their class too, which adds --project and --domain."""
    abort_run, abort_action = group.commands["run"], group.commands["action"]

    @click.command("abort", cls=type(abort_action))
    @click.argument("run-name")
    @click.argument("action-name", required=False)
    @click.option("--reason", default=REASON, show_default=True, help="Why; the parent and the page show it.")
    @click.option(
        "--force", is_flag=True, help="Do not wait for what refuses to stop; its process may be killed."
    )
    @click.pass_context
    def abort(
        ctx: click.Context,
        /,
        action_name: str | None,
        force: bool,
        **options: str | None,
    ) -> None:
        """Abort an action of a run, or the whole run. options: run_name, reason, and perhaps project and domain."""
        if force:
            force_abort(ctx.obj, action_name, **options)
        elif action_name is None:
            ctx.invoke(abort_run, **options)
        else:
            ctx.invoke(abort_action, action_name=action_name, **options)

    return abort


def force_abort(
    config: Any,
    action: str | None,
    *,
    run_name: str | None,
    reason: str | None,
    project: str | None = None,
    domain: str | None = None,
) -> None:
    """Ask the server as the SDK does, with the header that Flyte's requests have no field for. config: flyte's CLIConfig.

    The SDK has no public way to add a header to its own request, which would show the token of its sign-in.
    """
    platform, scope = config.config.platform, config.config.task
    where = {"project": project or scope.project, "domain": domain or scope.domain, "name": run_name}
    if action is None:
        method, body = "AbortRun", {"runId": where}
    else:
        method, body = "AbortAction", {"actionId": {"run": where, "name": action}}
    url = f"{address_of(config.endpoint or platform.endpoint, insecure=config.insecure or platform.insecure)}{SERVICE}{method}"
    headers = {"x-flyteui-force": "1"}
    if key := os.environ.get("FLYTE_API_KEY"):
        headers["authorization"] = f"Bearer {key}"
    try:
        answer = httpx.post(url, json={**body, "reason": reason}, headers=headers, timeout=TIMEOUT_SECONDS)
    except httpx.HTTPError as error:
        raise click.ClickException(f"{url} does not answer: {error}") from error
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        raise click.ClickException(
            "the server wants to know who asks, and --force can show it an API key only, in FLYTE_API_KEY. "
            "Or press Force on the page, or run `flyteui abort --force` on the server"
        )
    if answer.status_code != httpx.codes.OK:
        raise click.ClickException(f"the server refused: {answer.text[:500]}")
    what = f"Run '{run_name}'" if action is None else f"Action '{action}' of run '{run_name}'"
    if answer.headers.get("x-flyteui-outcome") == "already_ended":
        click.echo(f"{what} had ended already ({answer.headers.get('x-flyteui-phase')}); nothing changes.")
    else:
        click.echo(f"{what} is being aborted without its grace periods.")


def address_of(endpoint: str | None, *, insecure: bool) -> str:
    """The URL of an endpoint as the SDK's configuration has it: a URL, dns:///host:port or host:port."""
    if not endpoint:
        raise click.ClickException("no endpoint is configured: --force needs a server")
    if "://" in endpoint and not endpoint.startswith("dns://"):
        return endpoint.rstrip("/")
    return f"{'http' if insecure else 'https'}://{endpoint.removeprefix('dns:///').rstrip('/')}"


@click.command("ui")
@click.option(
    "--home", type=click.Path(file_okay=False), help="Folder of database, files and logs (FLYTEUI_HOME)."
)
@click.option("--host", help="Address to listen on (FLYTEUI_HOST).")
@click.option("--port", type=int, help="Port to listen on (FLYTEUI_PORT).")
def start_ui(home: Path | None, host: str | None, port: int | None) -> None:
    """Start the flyteui server with its dashboard and a worker, in the foreground; Ctrl-C stops them."""
    given = {"FLYTEUI_HOME": home, "FLYTEUI_HOST": host, "FLYTEUI_PORT": port}
    env = os.environ | {name: str(value) for name, value in given.items() if value is not None}
    env["DJANGO_SETTINGS_MODULE"] = "flyteui.settings"
    # The server replaces this process, so that signals reach it and not a parent that would have to pass them on.
    os.execve(sys.executable, [sys.executable, "-m", "django", "up"], env)  # noqa: S606
