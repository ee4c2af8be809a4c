"""`flyteui config`: the configuration that leads the flyte client to this server; printed, or put where the client reads it."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from runs.store import client_config

DEFAULT = Path(".flyte", "config.yaml")


class Command(BaseCommand):
    """Print or write the client's configuration."""

    help = (
        "Print the config.yaml with which the flyte client finds this server; or, with --write, put it where the client "
        "reads it. A file that says something else stays, unless you agree."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--write", nargs="?", type=Path, const=Path.home() / DEFAULT, metavar="FILE",
            help="write it (default: ~/.flyte/config.yaml; .flyte/config.yaml is for one project)",
        )  # fmt: skip
        parser.add_argument("--yes", action="store_true", help="replace a file that is there, without asking")

    def handle(self, *args: Any, write: Path | None, yes: bool, **options: Any) -> None:
        text = client_config.render()
        if write is None:
            self.stdout.write(text)
            return
        if write.exists() and write.read_text() == text:
            self.stdout.write(f"{write} says so already.")
        else:
            if write.exists() and not yes:
                self._ask(write, text)
            write.parent.mkdir(parents=True, exist_ok=True)
            if write.exists():
                write.replace(write.with_name(f"{write.name}.before"))
            write.write_text(text)
            self.stdout.write(f"{write} is written: `flyte run FILE.py TASK` runs on this server.")
        self._warn_of_another(write)

    def _ask(self, file: Path, text: str) -> None:
        """Raises CommandError unless somebody at a terminal agrees."""
        self.stdout.write(
            f"{file} is there already, and says:\n\n{file.read_text()}\nIt would say:\n\n{text}"
        )
        question = f"Replace it? What it says now stays in {file.name}.before. [y/N] "
        try:
            agreed = input(question).strip().lower() in {"y", "yes"}
        except EOFError as error:
            raise CommandError(
                f"{file} was not changed: nobody is there to ask; --yes replaces it"
            ) from error
        if not agreed:
            raise CommandError(f"{file} was not changed")

    def _warn_of_another(self, written: Path) -> None:
        other = client_config.read_by_client(Path.cwd(), dict(os.environ))
        if other is not None and other.resolve() != written.resolve():
            self.stderr.write(f"In this folder the client reads {other} instead, which comes first.")
