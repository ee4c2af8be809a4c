"""What the soak does to the server: submits, aborts in every way, and kills; each in a thread, each with dice of its own."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from benchmarks.soak.world import World

LIVE_RUNS = 3  # at a time; two cores are busy with that
REASON = "the soak asks"
SEVERAL = 0.2  # how often a kill takes several processes


@dataclass
class Deeds:
    """What was done. asked: actions whose abort was answered as requested now, as (run, action)."""

    runs: list[str] = field(default_factory=list)
    aborts: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    asked: list[tuple[str, str]] = field(default_factory=list)


class Chaos:
    """Three loops that go on until `stop` is set. A failure of one ends the soak."""

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._seed = seed
        self.deeds = Deeds()
        self.stop = threading.Event()
        self.failures: list[BaseException] = []

    def start(self) -> list[threading.Thread]:
        threads = []
        for loop in (self._submit, self._abort, self._kill):
            dice = random.Random(f"{self._seed} {loop.__name__}")
            threads.append(threading.Thread(target=self._guarded, args=(loop, dice), name=loop.__name__))
            threads[-1].start()
        return threads

    def _guarded(self, loop: Callable[[random.Random], None], dice: random.Random) -> None:
        try:
            loop(dice)
        except BaseException as failure:
            self.failures.append(failure)
            self.stop.set()

    # --- submitting ---------------------------------------------------------------------------------------------

    def _submit(self, dice: random.Random) -> None:
        while not self.stop.wait(dice.uniform(0.1, 0.5)):
            if len({run for run, _ in self._world.live_actions()}) >= LIVE_RUNS:
                continue
            run = f"soak-{self._seed}-{len(self.deeds.runs)}"
            self.deeds.runs.append(run)
            self._world.submit(run, dice.randrange(10**9))

    # --- aborting -----------------------------------------------------------------------------------------------

    def _abort(self, dice: random.Random) -> None:
        ways = [self._api_action] * 4 + [
            self._api_run,
            self._page_action,
            self._page_run,
            self._bulk_names,
            self._bulk_phase,
        ]
        while not self.stop.wait(dice.uniform(0.1, 1.2)):
            if live := self._world.live_actions():
                run, action = dice.choice(live)
                way = dice.choice(ways)
                way(run, action)
                self.deeds.aborts[way.__name__.lstrip("_").replace("_", " ")] += 1

    def _api_action(self, run: str, action: str) -> None:
        body = {"actionId": {"run": self._world.run_id(run), "name": action}, "reason": REASON}
        answer = self._world.call("RunService/AbortAction", body)
        answer.raise_for_status()
        if answer.headers.get("x-flyteui-outcome") == "requested":
            self.deeds.asked.append((run, action))

    def _api_run(self, run: str, action: str) -> None:
        del action
        self._world.call(
            "RunService/AbortRun", {"runId": self._world.run_id(run), "reason": REASON}
        ).raise_for_status()

    def _page_action(self, run: str, action: str) -> None:
        self._post(run, "abort", lambda token: {"data": {"action": action, "reason": REASON, **token}})

    def _page_run(self, run: str, action: str) -> None:
        del action
        self._post(run, "abort", lambda token: {"data": {"reason": REASON, **token}})

    def _bulk_names(self, run: str, action: str) -> None:
        self._post(run, "aborts", lambda _: {"json": {"names": [action], "reason": REASON}})

    def _bulk_phase(self, run: str, action: str) -> None:
        del action
        self._post(run, "aborts", lambda _: {"json": {"phase": "running", "reason": REASON}})

    def _post(self, run: str, path: str, body: Callable[[dict[str, str]], dict[str, object]]) -> None:
        """As a browser does: first the page that sets the token, then the POST. 409: it has ended meanwhile."""

        def send(client: httpx.Client) -> httpx.Response:
            page = self._world.page(run)
            client.get(f"{page}/aborts/preview", params={"phase": "running"}).raise_for_status()
            token = client.cookies["csrftoken"]
            more: dict[str, object] = body({"csrfmiddlewaretoken": token})
            return client.post(f"{page}/{path}", headers={"x-csrftoken": token, "referer": page}, **more)  # type: ignore[arg-type]

        answer = self._world.ask(send)
        if answer.status_code != httpx.codes.CONFLICT:
            answer.raise_for_status()

    # --- killing ------------------------------------------------------------------------------------------------

    def _kill(self, dice: random.Random) -> None:
        """Mostly one process; sometimes several kinds at once, so that nobody is left to tell of the others."""
        kinds = ["executor"] * 3 + ["child"] * 3 + ["web", "web", "worker", "zygote"]
        while not self.stop.wait(dice.uniform(1.0, 6.0)):
            several = dice.sample(["executor", "web", "worker"], dice.choice([2, 3]))
            chosen = several if dice.random() < SEVERAL else [dice.choice(kinds)]
            victims = {kind: dice.choice(pids) for kind in chosen if (pids := self._world.pids(kind))}
            for kind, pid in victims.items():
                try:
                    os.kill(pid, signal.SIGKILL)
                    self.deeds.kills[kind] += 1
                except ProcessLookupError:
                    pass
