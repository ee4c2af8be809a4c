"""A live page shows what a page shows that is loaded now, whatever the run, the reader, the hints and the network did.

FLYTEUI_TEST_EQUIVALENCES=20 tries so many seeds; without it, a few.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.long import long_or_short
from tests.support.nets import NET_SECONDS
from tests.support.pages.random_reader import NEXT_FRAME, Reader, difference, load_fresh
from tests.support.server.faulty_hints import SEED
from tests.support.server.parts import Parts
from tests.support.server.server import ROOT, RUN_URL, free_port, wait_until

SEEDS = int(os.environ.get("FLYTEUI_TEST_EQUIVALENCES", long_or_short(9, 1)))
SHAPES = ["14x6", "30x10x4", "8x5x3x2"]
ROUNDS = [3, 10, 25, 25, 40]  # moves before each look; the first ones while the tree grows
# A hint may be lost, then the poll finds what changed; and a connection may have to be made again.
SETTLED_SECONDS = NET_SECONDS

pytestmark = pytest.mark.timeout(900)


class TwoServers(Parts):
    """One server whose hints are faulty, behind a proxy that cuts its pages off; beside it one that remembers nothing."""

    touched = (b"/ws/run/",)

    def start(self, *options: str) -> TwoServers:
        self.env |= {
            "DJANGO_SETTINGS_MODULE": "tests.support.server.settings_with_faulty_hints",
            SEED: "hints",
        }
        self.prepare()
        self.start_web()
        self.fresh_port = free_port()
        self.other = self._spawn("-m", "flyteui.web", "-b", "127.0.0.1", "-p", str(self.fresh_port), "-v", "0",
                                 "tests.support.server.uncached:application")  # fmt: skip
        for port in (self.port, self.fresh_port):
            wait_until(partial(self.answers, port), "the server answers")
        return self

    def stop(self, number: int = signal.SIGTERM) -> float:
        self.other.send_signal(number)
        self.other.wait(20)
        return super().stop(number)

    def seq(self, run: str) -> int:
        """The number of the last change of an action; the run's own may be higher, when a change came too late."""
        return max(row["changed_seq"] for row in self.actions(run).values())


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoServers]:
    servers = TwoServers(tmp_path_factory.mktemp("home")).start()
    yield servers
    servers.stop()


@contextmanager
def performed(servers: TwoServers, shape: str, seed: int) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """A run that grows, changes and ends by itself: its process, its path, its name."""
    command = [sys.executable, "manage.py", "demo", "--live", "--shape", shape, "--seed", str(seed)]
    with subprocess.Popen(command, cwd=ROOT, env=servers.env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = RUN_URL.search(process.stdout.readline())
        assert found
        try:
            yield process, found.group(0).removeprefix(found.group(1)), found.group(4)
        finally:
            process.kill()


def settle(servers: TwoServers, reader: Reader, path: str, run: str) -> None:
    """Nothing changes any more, so the page becomes what a fresh one is, and keeps its promises."""
    assert reader.page.context.browser is not None
    context = reader.page.context.browser.new_context(viewport={"width": 1280, "height": 800})
    deadline = time.monotonic() + SETTLED_SECONDS
    while True:
        shown = reader.shown()
        seq = servers.seq(run)
        fresh = load_fresh(context, f"http://localhost:{servers.fresh_port}{path}", shown)
        problems = [difference(shown, fresh), *reader.broken()]
        if shown["seq"] != seq:
            problems.append(f"it shows number {shown['seq']} of {seq}")
        if not any(problems):
            break
        if time.monotonic() > deadline:
            pytest.fail("\n".join([*filter(None, problems), "moves: " + " ".join(reader.moves)]))
        reader.page.evaluate(NEXT_FRAME)
    context.close()


def meddle(servers: TwoServers, chance: random.Random, run: str) -> None:
    """Now and then the network fails, or somebody else aborts something."""
    match chance.randrange(40):
        case 0:
            servers.proxy.cut()
            servers.proxy.heal()
        case 1:
            servers.proxy.delay(chance.choice([0.0, 0.02, 0.1]))
        case 2 | 3:
            name = chance.choice(list(servers.actions(run)))
            if name != "a0":
                body = {"actionId": {"run": servers.run_id(run), "name": name}, "reason": "at random"}
                servers.call("flyteidl2.workflow.RunService/AbortAction", body)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_live_page_shows_what_a_fresh_one_shows(
    failing_page: Page, browser: Browser, servers: TwoServers, seed: int
):
    page, chance = failing_page, random.Random(seed)
    with performed(servers, SHAPES[seed % len(SHAPES)], seed) as (process, path, run):
        page.goto(f"http://{servers.wire.replace('127.0.0.1', 'localhost')}{path}")
        expect(page.locator("connection-status")).to_have_attribute("data-state", "live")
        reader = Reader(page, seed)
        for moves in ROUNDS:
            for _ in range(moves):
                meddle(servers, chance, run)
                reader.move()
            process.send_signal(signal.SIGSTOP)
            settle(servers, reader, path, run)
            process.send_signal(signal.SIGCONT)

        servers.call(
            "flyteidl2.workflow.RunService/AbortRun", {"runId": servers.run_id(run), "reason": "enough"}
        )
        servers.wait_all_ended(run)
        settle(servers, reader, path, run)
        expect(page.locator("connection-status")).to_have_attribute("data-state", "ended")
