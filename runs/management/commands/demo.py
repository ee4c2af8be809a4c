"""`manage.py demo`: a run of any size, finished at once or performed live, for a first look at the pages."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from runs.demo import scripts
from runs.demo.past import split_past
from runs.demo.performance import Performance
from runs.demo.rehearsal import tell
from runs.demo.stage import begin_before, set_stage, slots_for
from runs.names import RunRef, generate_run_name
from runs.queries.pages import run_path

ACTIONS = 500
ACTOR = "demo"
BETWEEN = timedelta(minutes=2)  # the earlier run and this one


class Command(BaseCommand):
    """Make a run out of scripts."""

    help = (
        "Make a demonstration run of any size; no executor is needed. It has failures, retries, aborts, groups, inputs, outputs, "
        "logs (up to 2,000 actions) and a question; its root has a report. An earlier run that failed is made with it, from which it "
        "recovers some actions, and takes the outputs of others out of the cache. It is finished at once, or, with --live, "
        "performed on the running server: then the question waits 30 s for you to answer it, and all of it can be aborted. "
        "Prints the run's address."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        size = parser.add_mutually_exclusive_group()
        size.add_argument(
            "--actions",
            type=_actions,
            default=ACTIONS,
            metavar="N",
            help="about how many (default: %(default)s)",
        )
        size.add_argument(
            "--shape",
            type=_shape,
            metavar="AxBxC",
            help="children on each level: 30x10x4 is 30 below the root, 10 below each of them, and 4 below each of those",
        )
        parser.add_argument(
            "--live",
            action="store_true",
            help="perform it on the running server, now, as an executor would; Ctrl-C gives it up",
        )
        parser.add_argument(
            "--seed",
            type=int,
            default=0,
            metavar="N",
            help="which run: the same number makes the same one (default: %(default)s)",
        )

    def handle(self, *args: Any, actions: int, shape: Any, live: bool, seed: int, **options: Any) -> None:
        del args, options
        widths = shape or scripts.widths_for(actions)
        made = scripts.write_scripts(widths, seed=seed)
        if live:
            self._find_server()
        earlier, made = split_past(made, f"demonstration-{generate_run_name()}")
        now = timezone.now()
        begins_at = now if live else begin_before(now, made, slots_for(made))
        related = earlier and tell(earlier, actor=ACTOR, ends_at=begins_at - BETWEEN, said=self._say_progress)
        if live:
            self._perform(made, related or None)
        else:
            ref = tell(made, actor=ACTOR, ends_at=now, said=self._say_progress, recovers=related or None)
            self.stdout.write(f"\r{len(made):,} actions: {settings.PUBLIC_URL}{run_path(ref)}")

    def _say_progress(self, events: int) -> None:
        if self.stdout.isatty():
            self.stdout.write(f"\r{events:,} events", ending="")
            self.stdout.flush()

    def _find_server(self) -> None:
        try:
            httpx.get(f"{settings.PUBLIC_URL}/healthz", timeout=5).raise_for_status()
        except httpx.HTTPError as error:
            raise CommandError(
                f"no server answers at {settings.PUBLIC_URL} ({error}); start one with `manage.py up`"
            ) from error

    def _perform(self, made: dict[str, scripts.Script], related: RunRef | None) -> None:
        stage = set_stage(made, actor=ACTOR, ends_at=None, details=True, recovers=related)
        self.stdout.write(f"{len(made):,} actions: {settings.PUBLIC_URL}{run_path(stage.ref)}")
        socket_url = f"ws{settings.PUBLIC_URL.removeprefix('http')}/ws/executor/"
        performance = Performance(
            stage, socket_url=socket_url, api_url=settings.PUBLIC_URL, token=settings.EXECUTOR_TOKEN
        )
        try:
            problem = performance.run()
        except KeyboardInterrupt:
            problem = "stopped; the server gives what was left of the run up"
        if problem:
            raise CommandError(problem)


def _actions(text: str) -> int:
    number = int(text)
    if not 2 <= number <= scripts.MAX_ACTIONS:
        raise ArgumentTypeError(f"{number:,} is not between 2 and {scripts.MAX_ACTIONS:,}")
    return number


def _shape(text: str) -> tuple[int, ...]:
    try:
        return scripts.parse_shape(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error
