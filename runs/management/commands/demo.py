"""`flyteui demo`: a run of any size, finished at once or run live, to try the pages with."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from runs.access import tokens
from runs.demo import scripts
from runs.demo.earlier_run import split_earlier_run
from runs.demo.live_run import LiveRun
from runs.demo.setup import SECONDS, begin_before, create_demo_run, slots_for
from runs.demo.simulation import make_finished_run
from runs.domain.addresses.pages import run_path
from runs.domain.names import RunRef, generate_run_name
from runs.engine import registry
from runs.management.base import ServerCommand
from runs.store import local_server

ACTIONS = 500
ACTOR = "demo"
BETWEEN = timedelta(minutes=2)  # the earlier run and this one


class Command(ServerCommand):
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
            "--seconds",
            type=float,
            default=SECONDS,
            metavar="N",
            help="about how long it takes with --live (default: %(default)g)",
        )
        parser.add_argument(
            "--seed",
            type=int,
            default=0,
            metavar="N",
            help="which run: the same number makes the same one (default: %(default)s)",
        )

    def handle(
        self, *args: Any, actions: int, shape: Any, live: bool, seconds: float, seed: int, **options: Any
    ) -> None:
        del args, options
        widths = shape or scripts.widths_for(actions)
        made = scripts.write_scripts(widths, seed=seed)
        if live:
            self._find_server()
        registry.seed()  # the server of this home may never have been started
        earlier, made = split_earlier_run(made, f"demonstration-{generate_run_name()}")
        now = timezone.now()
        begins_at = now if live else begin_before(now, made, slots_for(made))
        related = earlier and make_finished_run(
            earlier, actor=ACTOR, ends_at=begins_at - BETWEEN, progress=self._show_progress
        )
        if live:
            self._run_live(made, related or None, slots_for(made, seconds))
        else:
            ref = make_finished_run(
                made, actor=ACTOR, ends_at=now, progress=self._show_progress, recovers=related or None
            )
            self.stdout.write(f"\r{len(made):,} actions: {settings.PUBLIC_URL}{run_path(ref)}")

    def _show_progress(self, events: int) -> None:
        if self.stdout.isatty():
            self.stdout.write(f"\r{events:,} events", ending="")
            self.stdout.flush()

    def _find_server(self) -> None:
        try:
            with local_server.client(5) as client:
                client.get("/healthz").raise_for_status()
        except httpx.HTTPError as error:
            raise CommandError(
                f"no server answers at {settings.LOCAL_URL} ({error}); start one with `flyteui up`"
            ) from error

    def _run_live(self, made: dict[str, scripts.Script], related: RunRef | None, slots: int) -> None:
        demo_run = create_demo_run(
            made, actor=ACTOR, ends_at=None, details=True, slots=slots, recovers=related
        )
        self.stdout.write(f"{len(made):,} actions: {settings.PUBLIC_URL}{run_path(demo_run.ref)}")
        live_run = LiveRun(demo_run, token=tokens.sign_executor(demo_run.executor_id))
        try:
            problem = live_run.run()
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
