"""`flyteui createkey NAME --role ROLE [--project P] [--days N]`, and `--revoke`: API keys for programs."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import CommandError

from runs.access.oauth.keys import NewKey, create_key, revoke_key
from runs.domain.errors import FlyteUIError
from runs.domain.roles import Role
from runs.management.base import ServerCommand
from runs.store.clock import wall_time

CREATED_BY = "flyteui createkey"


class Command(ServerCommand):
    """Make an API key and print it, once; or revoke one."""

    help = "Make an API key and print it, once; or revoke one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what the key is for; the audit shows it")
        parser.add_argument("--role", choices=[role.label for role in Role])
        parser.add_argument("--project", help="where the role holds; without it, in all projects")
        parser.add_argument(
            "--days", type=int, help="after how many days it ends; without it, when it is revoked"
        )
        parser.add_argument(
            "--revoke", action="store_true", help="end the key, and what was signed in with it"
        )

    def handle(
        self,
        *args: Any,
        name: str,
        role: str | None,
        project: str | None,
        days: int | None,
        revoke: bool,
        **options: Any,
    ) -> None:
        try:
            if revoke:
                revoke_key(name)
                self.stdout.write(f"The key {name!r} has ended, and all that was signed in with it.")
                return
            if role is None:
                raise CommandError("a key needs a --role: viewer, operator, editor or admin")
            if days is not None and days < 1:
                raise CommandError(f"--days is {days}; a key lives for a day at least")
            expires_at = wall_time() + timedelta(days=days) if days is not None else None
            made = create_key(
                name, Role[role.upper()], project=project, expires_at=expires_at, created_by=CREATED_BY
            )
        except FlyteUIError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(describe(made))


def describe(key: NewKey) -> str:
    """How to use a key; the only time that its secret is shown."""
    lines = [
        f"The key {key.name!r} is shown this once:",
        "",
        f"  FLYTE_API_KEY={key.encoded}",
        "",
        "It works in this variable for flyte and flyte.init_from_api_key(), and as a bearer of curl.",
    ]
    if settings.AUTH == "password":
        lines += ["In a config.yaml, with the secret in a variable:", "", *_config(key)]
    if settings.AUTH == "oidc":
        lines[-1] = (
            "It works as a bearer: of curl, and of flyte with authType ExternalCommand (docs/how-to/sign-in.md)."
        )
    elif settings.PUBLIC_URL.startswith("http:") or urlsplit(settings.PUBLIC_URL).port not in {None, 443}:
        lines += [
            "",
            f"The client looks for the server of FLYTE_API_KEY on port 443; this one is {settings.PUBLIC_URL}, so",
        ]
        lines += ["give it the address beside the key (flyte --endpoint), or use the config.yaml."]
    return "\n".join(lines)


def _config(key: NewKey) -> list[str]:
    return [
        "  admin:",
        f"    endpoint: dns:///{urlsplit(settings.PUBLIC_URL).netloc}",
        "    authType: ClientSecret",
        f"    clientId: {key.client_id}",
        "    clientSecretEnvVar: FLYTE_CLIENT_SECRET",
        "",
        f"  FLYTE_CLIENT_SECRET={key.secret}",
    ]
