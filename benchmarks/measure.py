"""The measurements. Instants come from the database and from this process: all on one machine, one clock."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import django
import flyte
import httpx

from benchmarks import flows
from benchmarks.beside import ratio
from benchmarks.opening import opening
from benchmarks.scrolling import scrolling
from tests.support import plain_http

# What, its budget, what was measured; then the figure that is compared with the last results.
Lines = Sequence[tuple[str, str, str] | tuple[str, str, str, float]]


def connect(url: str) -> None:
    """Point the real client and Django at the server that runs."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "flyteui.settings"
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    django.setup()
    flyte.init(endpoint=url, insecure=True, org="flyteui", project="flytesnacks", domain="development")


def actions(run_name: str) -> Any:
    from runs.models import Action

    return Action.objects.filter(run__name=run_name)


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.05)


def percentiles(seconds: Iterable[float]) -> str:
    """p50, p90 and p99 in milliseconds."""
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return f"p50 {cuts[49] * 1e3:.1f} ms, p90 {cuts[89] * 1e3:.1f} ms, p99 {cuts[98] * 1e3:.1f} ms"


def fast(what: str, budget: str, seconds: Sequence[float]) -> tuple[str, str, str, float]:
    """The line of what is to be fast: its percentiles, of which the median is compared."""
    return what, budget, percentiles(seconds), statistics.median(seconds) * 1e3


def less(what: str, budget: str, seconds: Sequence[float]) -> tuple[str, str, str, float]:
    """The same, with the median alone."""
    milliseconds = statistics.median(seconds) * 1e3
    return what, budget, f"{milliseconds:.0f} ms", milliseconds


def spread(seconds: Sequence[float]) -> str:
    """The last one, and the half of them, in seconds."""
    return f"{max(seconds):.1f} s (p50 {statistics.median(seconds):.1f} s)"


def since(start: float, at: datetime | None) -> float:
    assert at is not None
    return at.timestamp() - start


def cold_and_warm(url: str, scale: float) -> Lines:
    """From CreateRun's row to the first line of user code: in a new pool, and in the same one again."""
    del url, scale
    seconds = []
    for _ in range(6):
        run = flyte.run(flows.first_line)
        run.wait(quiet=True)
        root = actions(run.name).get()
        seconds.append((root.started_at - root.created_at).total_seconds())
    return [
        less("CreateRun → user code, cold pool", "≤ 1 s", seconds[:1]),
        less("CreateRun → user code, warm pool (median of 5)", "≤ 50 ms", seconds[1:]),
    ]


def plain(url: str, scale: float) -> Lines:
    """From CreateRun's row to the first line of a plain function, in a process of its own, in a warm pool."""
    del url, scale
    seconds = []
    for _ in range(6):
        run = flyte.run(flows.plain_first_line)
        run.wait(quiet=True)
        created_at: datetime = actions(run.name).get().created_at
        seconds.append(run.outputs()[0] - created_at.timestamp())
    return [less("CreateRun → first line of a plain `def`, warm pool (median of 5)", "≤ 150 ms", seconds[1:])]


def fan_out(url: str, scale: float) -> Lines:
    """A root gathers no-op children, each durable: queued, started and ended with events and attempt."""
    del url
    n = int(5000 * scale)
    run = flyte.run(flows.fan_out, n=n)
    run.wait(quiet=True)
    root = actions(run.name).get(name="a0")
    assert actions(run.name).filter(phase=5).count() == n + 1
    rate = n / (root.ended_at - root.started_at).total_seconds()
    return [
        (f"durable actions per second, fan-out of {n:,} no-op children", "≥ 500/s", f"{rate:.0f}/s", rate),
        *files_of_no_ops(run.name, n + 1),
    ]


def files_of_no_ops(run_name: str, n: int) -> Lines:
    """What the inputs and outputs of no-op actions take of the disk: as they are written, and once the run is packed."""
    from runs.models import Run
    from runs.store import packs, storage

    folder = storage.local_path(Run.objects.get(name=run_name).base_uri)
    assert folder is not None

    def take() -> float:
        return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*")) / n

    before, begun = take(), time.monotonic()
    packed = packs.pack(folder, is_used=lambda _: False)
    assert packed is not None
    seconds = time.monotonic() - begun
    return [
        ("files of a no-op action, on the disk", "", f"{before / 1024:.1f} kB"),
        (
            f"… once its run is packed ({packed.files:,} files in {seconds:.1f} s)",
            "≤ 1 kB",
            f"{take():.0f} B",
        ),
    ]


def abort_latency(url: str, scale: float) -> Lines:
    """Abort live children of one run over HTTP, one after another and then at once."""
    n = int(1000 * scale)
    run = flyte.run(flows.hold, n=n, seconds=900.0)
    wait_for(lambda: actions(run.name).filter(phase=4).count() == n + 1, f"{n} live actions")
    names = list(actions(run.name).exclude(name="a0").values_list("name", flat=True))
    sent: dict[str, float] = {}
    answered: dict[str, float] = {}

    def abort(client: httpx.Client, name: str) -> None:
        run_id = {"org": "flyteui", "project": "flytesnacks", "domain": "development", "name": run.name}
        sent[name] = time.time()
        response = client.post(
            f"{url}/flyteidl2.workflow.RunService/AbortAction",
            json={"actionId": {"run": run_id, "name": name}, "reason": "bench"},
        )
        response.raise_for_status()
        answered[name] = time.time()

    half = n // 2
    with plain_http.Client(timeout=30) as client:
        for name in names[:half]:
            abort(client, name)
            time.sleep(0.01)
        with ThreadPoolExecutor(16) as together:
            list(together.map(lambda name: abort(client, name), names[half:]))
    wait_for(lambda: actions(run.name).filter(phase=7).count() == n, "all aborted")
    run.wait(quiet=True)
    rows = {row.name: row for row in actions(run.name).select_related("abort")}
    lines = []
    for title, budget, part in (
        ("one after another", "p50 ≤ 10 ms, p99 ≤ 50 ms", names[:half]),
        (f"{n - half} at once (16 connections)", "", names[half:]),
    ):
        delivered = [since(sent[name], rows[name].delivered_at) for name in part]
        stopped = [since(sent[name], rows[name].ended_at) for name in part]
        answer = [answered[name] - sent[name] for name in part]
        recorded = [
            since(rows[name].abort.requested_at.timestamp(), rows[name].delivered_at) for name in part
        ]
        cleaned = [since(rows[name].delivered_at.timestamp(), rows[name].ended_at) for name in part]
        lines += [
            fast(f"abort POST → CancelledError, {n:,} live actions, {title}", budget, delivered),
            fast(f"abort POST → task has stopped, {title}", "", stopped),
            fast(f"abort POST → answer, {title}", "", answer),
            fast(f"requested → delivered, as recorded, {title}", "", recorded),
            fast(f"delivered → stopped, as recorded, {title}", "", cleaned),
        ]
    return lines


def root_exit(url: str, scale: float) -> Lines:
    """A root returns while its children live."""
    del url
    n = int(10_000 * scale)
    before = executor_memory()
    run = flyte.run(flows.leave, n=n)
    wait_for(lambda: actions(run.name).filter(phase=4).count() >= n, f"{n} live actions", 600)
    memory = (executor_memory() - before) / n
    wait_for(lambda: actions(run.name).filter(phase=7).count() == n, "all aborted", 600)
    rows = list(actions(run.name))
    root = next(row for row in rows if row.name == "a0")
    children = [row for row in rows if row.name != "a0"]
    delivered = [(row.delivered_at - root.ended_at).total_seconds() for row in children if row.delivered_at]
    stopped = [(row.ended_at - root.ended_at).total_seconds() for row in children]
    assert len(delivered) == len(stopped) == n
    return [
        (
            f"root returns with {n:,} live descendants → all got CancelledError",
            "≤ 5 s",
            spread(delivered),
            max(delivered),
        ),
        ("… and all are ABORTED", "≤ 5 s", spread(stopped), max(stopped)),
        (f"memory of one live in-loop action ({n:,} live)", "≤ 50 kB", f"{memory / 1024:.0f} kB", memory),
    ]


def executor_memory() -> int:
    """Resident bytes of the largest executor; 0 when there is none."""
    from runs.models import Executor

    sizes = [0]
    for pid in Executor.objects.filter(state__in=["connected", "draining"]).values_list("pid", flat=True):
        shown = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        sizes.append(int(shown.stdout or 0) * 1024)
    return max(sizes)


def page(url: str, scale: float) -> Lines:
    """First byte of the page of the largest run so far, and of one that is ten times larger; the frames of that one."""
    del scale
    from django.db.models import Count

    from runs.models import Run

    run = Run.objects.annotate(size=Count("actions")).order_by("-size").first()
    assert run is not None
    cold, warm = first_bytes(url, run.name)
    return [(f"run page, first byte, {run.size:,} actions", "≤ 150 ms", f"{warm}; first load: {cold}")]


def big_page(url: str, scale: float) -> Lines:
    """The page of a demonstration of 100,000 actions: first byte, and the frame of a jump to rows that nobody has seen."""
    from runs.live.run import RunFeed
    from runs.models import Run
    from runs.protocol.constants import WINDOW_ROWS
    from runs.protocol.messages import Hello, Scroll

    wanted = str(int(100_000 * scale))
    subprocess.run(
        [sys.executable, "manage.py", "demo", "--actions", wanted],
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=900,
    )
    run = Run.objects.latest("pk")
    size = run.actions.count()
    cold, warm = first_bytes(url, run.name)
    path = f"/v2/domain/development/project/flytesnacks/runs/{run.name}"
    painted = len(plain_http.get(url + path, headers={"accept-encoding": "identity"}, timeout=60).content)

    async def nowhere(frame: str) -> None:
        del frame

    feed = RunFeed(run.pk, nowhere)
    feed.apply(Hello(since=-1, count=WINDOW_ROWS))
    feed.compose()
    spent, longest = [], 0
    for first in range(0, size - WINDOW_ROWS, max(1, size // 20)):
        feed.apply(Scroll(first, WINDOW_ROWS))
        start = time.process_time()
        content = feed.compose() or ""
        spent.append(time.process_time() - start)
        longest = max(longest, len(content.encode()))
    frame = f"{max(spent) * 1e3:.0f} ms CPU, {longest / 1e3:.0f} kB at most"
    return [
        (f"run page, first byte, {size:,} actions", "≤ 150 ms", f"{warm}; first load: {cold}"),
        ("… its first paint", "", f"{painted / 1e3:.0f} kB of HTML"),
        (f"a jump to {WINDOW_ROWS} rows never seen, {size:,} actions", "≤ 25 ms CPU, ≤ 100 kB", frame),
    ]  # fmt: skip


def first_bytes(url: str, name: str) -> tuple[str, str]:
    """Of a run's page: when nobody has looked at it yet, and the median of five more loads."""
    seconds = []
    with plain_http.Client(timeout=60) as client:
        for _ in range(6):
            start = time.perf_counter()
            with client.stream(
                "GET", f"{url}/v2/domain/development/project/flytesnacks/runs/{name}"
            ) as response:
                response.raise_for_status()
                next(response.iter_raw())
                seconds.append(time.perf_counter() - start)
    return f"{seconds[0] * 1e3:.0f} ms", f"{statistics.median(seconds[1:]) * 1e3:.0f} ms"


# Runs in the page: the instant of each Shift+click on a row's Abort, which does not ask, and of each row that then says Aborted.
CLOCK = """
window.took = [];
let clicked = 0;
addEventListener("click", (event) => {
  if (event.target.closest("[data-abort]")) clicked = performance.now();
}, true);
new MutationObserver((changes) => {
  for (const { target } of changes) {
    if (target.dataset.phase === "aborted" && target.matches(".row")) took.push(performance.now() - clicked);
  }
}).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-phase"] });
"""


PAUSE_MS = 300  # between two clicks of a person; without it the page's frames leave gaps between them (runs/live/feed.py)


def browser(url: str, scale: float) -> Lines:
    """Click Abort in a row in a real Chromium, with Shift, so that it does not ask, until the row says Aborted."""
    from playwright.sync_api import sync_playwright

    from tests.browser import LAUNCH_ARGS, find_chromium
    from tests.support.pages.run_page import abort_row_at_once

    clicks = max(10, int(100 * scale))
    n = clicks + 50
    run = flyte.run(flows.hold, n=n, seconds=900.0)
    wait_for(lambda: actions(run.name).filter(phase=4).count() == n + 1, f"{n} live actions")
    names = list(actions(run.name).exclude(name="a0").values_list("name", flat=True))[:clicks]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=list(LAUNCH_ARGS))
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.add_init_script(CLOCK)
        page.goto(f"{url}/v2/domain/development/project/flytesnacks/runs/{run.name}")
        page.wait_for_selector("connection-status[data-state=live]")
        for name in names:
            abort_row_at_once(page, name)
            page.wait_for_selector(f"#action-{name}[data-phase=aborted]", state="attached")
            page.wait_for_timeout(PAUSE_MS)
        seconds = [milliseconds / 1e3 for milliseconds in page.evaluate("took")]
        chromium.close()
    assert len(seconds) == clicks
    run.abort(reason="measured")
    run.wait(quiet=True)
    what = f"abort by Shift+click → row says Aborted in the browser, {clicks} clicks"
    return [fast(what, "p99 ≤ 250 ms", seconds)]


MEASUREMENTS: dict[str, Callable[[str, float], Lines]] = {
    "ratio": ratio,
    "start": cold_and_warm,
    "plain": plain,
    "fan_out": fan_out,
    "abort": abort_latency,
    "browser": browser,
    "opening": opening,
    "root_exit": root_exit,
    "page": page,
    "big_page": big_page,
    "scrolling": scrolling,
}

if sys.flags.optimize:
    raise SystemExit("run the benchmark without -O: its assertions check what it measures")
