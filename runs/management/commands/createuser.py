"""`flyteui createuser NAME --role ROLE [--project PROJECT]`: somebody who may sign in (FLYTEUI_AUTH=password).

For a name that there is, it sets the role, and the password where one is given.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from getpass import getpass
from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from runs.access import members
from runs.domain.errors import FlyteUIError
from runs.domain.roles import read_role
from runs.management.base import ServerCommand

HELP = "Make a user who may sign in, or change their role. The password is asked for, or read from stdin."


class Command(ServerCommand):
    """Make a user with a role."""

    help = HELP

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what the user is called")
        parser.add_argument("--role", required=True, help="viewer, operator, editor or admin")
        parser.add_argument("--project", help="where the role holds (default: in all projects)")

    def handle(self, *args: Any, name: str, role: str, project: str | None, **options: Any) -> None:
        try:
            wanted = read_role(role)
            members.check_project(project)
            password = self._read_password(name)
            is_new = members.save_user(name, password, wanted, project)
        except (ValueError, FlyteUIError) as error:
            raise CommandError(str(error)) from error
        where = f"in project {project}" if project else "in all projects"
        self.stdout.write(f"{name} {'is made' if is_new else 'stays'}, with the role {wanted.label} {where}.")

    def _read_password(self, name: str) -> str:
        """Twice from a terminal, else the first line of stdin. Raises CommandError for one that is too easy to guess."""
        if sys.stdin.isatty():
            password = getpass(f"Password of {name}: ")
            if getpass("Again: ") != password:
                raise CommandError("these are two passwords; nothing was changed")
        else:
            password = sys.stdin.readline().rstrip("\n")
        try:
            validate_password(password, User(username=name))
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        return password
