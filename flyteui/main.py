"""The command `flyteui`: the commands of a server, by what one wants to do, and a help for who sees it for the first time.

Each command but `flyte` and `manage` is a management command (`runs/management/commands`), here without Django's own options.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

SETTINGS = "flyteui.settings"
# By group: each command, and what it does in one line.
COMMANDS: dict[str, dict[str, str]] = {
    "Start": {
        "up": "start the server and a worker here, until Ctrl-C",
        "config": "point the flyte client at this server",
        "flyte": "the flyte client itself, pointed at this server: flyteui flyte run hello.py main",
        "demo": "make a run to look at, of any size",
    },
    "See and stop": {
        "abort": "abort a run, an action, or many actions",
        "rerun": "run a run or an action again, with changes",
        "doctor": "look for what is wrong, and say what to do",
    },
    "Keep": {
        "backup": "write the database and all files into one archive",
        "restore": "read such an archive into an empty home",
        "prune": "delete what is too old, or what nothing uses",
    },
    "People and programs": {
        "createuser": "make a user who may sign in, or change their role",
        "createkey": "make an API key, or revoke one",
        "renewsecrets": "encrypt all secrets by the present key of the server",
    },
    "Deploy": {
        "web": "the server alone",
        "worker": "a worker alone, here or on another machine",
        "migrate": "bring the database up to date; `up` does it by itself",
        "manage": "any other command of Django: flyteui manage createsuperuser",
    },
}
# Their arguments are somebody else's.
HANDED_OVER = ("flyte", "manage")
MANAGE = "flyteui manage"
# What Django adds to each command; who wants one of these has `flyteui manage`.
DJANGOS_OPTIONS = {
    "--version", "--verbosity", "--settings", "--pythonpath", "--traceback", "--no-color", "--force-color", "--skip-checks",
}  # fmt: skip


def main() -> None:
    """The entry point."""
    arguments = take_settings(sys.argv[1:])
    command = arguments[0] if arguments else "help"
    if command in {"help", "-h", "--help"}:
        sys.stdout.write(describe())
    elif command in {"-V", "--version", "version"}:
        sys.stdout.write(f"flyteui {version('flyteui')}\n")
    elif command == "flyte":
        become_the_client(arguments[1:])
    elif command == "manage":
        run_django(arguments[1:] or ["help"], program=MANAGE)
    elif any(command in group for group in COMMANDS.values()):
        hide_options_of_django()
        run_django(with_defaults(arguments), program="flyteui")
    else:
        sys.exit(
            f"flyteui has no command {command!r}; `flyteui help` lists them, `flyteui manage` has Django's"
        )


def take_settings(arguments: list[str]) -> list[str]:
    """Put --home, --host and --port into the environment, wherever they stand; returns the other arguments.

    Of a command whose arguments are somebody else's they count only before it.
    """
    own = next((at for at, one in enumerate(arguments) if one in HANDED_OVER), len(arguments))
    parser = argparse.ArgumentParser(
        prog="flyteui", add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS
    )
    parser.add_argument("--home")
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    given, left = parser.parse_known_args(arguments[:own])
    for name, value in vars(given).items():
        os.environ[f"FLYTEUI_{name.upper()}"] = str(Path(value).absolute()) if name == "home" else str(value)
    return left + arguments[own:]


def with_defaults(arguments: list[str]) -> list[str]:
    """`flyteui up` shows a demo in an empty home; `manage.py up` is for machines and tests, and does not."""
    is_open = arguments[0] == "up" and not {"--demo", "--no-demo", "--help", "-h"}.intersection(arguments)
    return [*arguments, "--demo"] if is_open else arguments


def hide_options_of_django() -> None:
    from django.core.management.base import BaseCommand

    make = BaseCommand.create_parser

    def create_parser(command: BaseCommand, *names: str, **options: Any) -> Any:
        parser = make(command, *names, **options)
        for option in parser._actions:
            if DJANGOS_OPTIONS.intersection(option.option_strings):
                option.help = argparse.SUPPRESS
        return parser

    BaseCommand.create_parser = create_parser  # type: ignore[assignment]


def run_django(arguments: list[str], *, program: str) -> None:
    """A management command, as manage.py runs it. program: what its help calls it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import CommandError, ManagementUtility
    from django.db import DatabaseError

    try:
        # Read here: Django would go on without settings, and fail with something else.
        from django.conf import settings

        assert str(settings.HOME)
        # Without --traceback Django prints a CommandError itself, beginning with the name of that class.
        own = [] if program == MANAGE else ["--traceback"]
        ManagementUtility([program, *arguments, *own]).execute()
    except ImproperlyConfigured as error:
        sys.exit(f"flyteui: {error}")
    except CommandError as error:
        if program == MANAGE:
            raise
        sys.stderr.write(f"flyteui: {error}\n")
        sys.exit(error.returncode)
    except DatabaseError:
        if program == MANAGE or not lacks_tables():
            raise
        sys.exit(
            f"flyteui: the database of {settings.HOME} is not made yet, or is that of an older version. `flyteui up` brings it up to "
            "date when it starts, and `flyteui migrate` does that alone"
        )


def lacks_tables() -> bool:
    """Whether the database lacks tables or columns that this version has."""
    from django.db import DatabaseError

    from runs.store import schema

    try:
        return bool(schema.list_missing())
    except DatabaseError:
        return False


def become_the_client(arguments: list[str]) -> None:
    """Replace this process by the flyte client that was installed with us, with the configuration of this home."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
    from django.conf import settings

    config = settings.HOME / "config.yaml"
    if not config.exists():
        sys.exit(f"{config} is not there yet: start the server once, with `flyteui up`")
    program = str(Path(sys.executable).with_name("flyte"))
    # What the settings have put there is for processes of the server.
    os.umask(settings.USER_UMASK)
    os.execv(program, [program, "--config", str(config), *arguments])  # noqa: S606


def describe() -> str:
    """What `flyteui` prints without a command."""
    lines = [
        f"flyteui {version('flyteui')}: a Flyte 2 backend with a live dashboard, on this machine.",
        "",
        "Usage: flyteui COMMAND [OPTIONS]      flyteui COMMAND --help says more",
    ]
    for group, commands in COMMANDS.items():
        lines += ["", group, *(f"  {name:<14}{what}" for name, what in commands.items())]
    lines += [
        "",
        "Options of every command",
        "  --home FOLDER   where database, files and logs are (FLYTEUI_HOME)",
        "  --port NUMBER   where the server listens (FLYTEUI_PORT, 8000); --host ADDRESS likewise",
        "  --version",
        "",
        "The documentation is served at /docs/. All settings: /docs/reference/settings/",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
