"""`python -m benchmarks.run_log`: what the log of a run of many chunks costs the server: its page, a page of older lines, what is new.

In a database of its own, by the processor time of this process: so the numbers say the same on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runs.models import Action, Run

MOST_MS = 150.0
LINES_A_CHUNK = 5


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.run_log", description=__doc__)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--actions", type=int, default=10_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"FLYTEUI_HOME": home, "DJANGO_SETTINGS_MODULE": "flyteui.settings"}
        import django

        django.setup()
        measure(arguments.actions, arguments.chunks)


def measure(actions: int, chunks: int) -> None:
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from runs.live.run_log import RunLogFeed
    from runs.models import LogChunk
    from runs.protocol.messages import Hello, Tail

    call_command("migrate", verbosity=0)
    run, other = make("big", actions, chunks), make("other", 10, 1000)
    client = Client(headers={"host": "localhost"})
    path = "/v2/domain/development/project/flytesnacks/runs/big/log"

    def get(query: str) -> bytes:
        answer = client.get(f"{path}{query}")
        assert answer.status_code == 200, answer.content[:300]
        return answer.content

    get("")  # imports and templates
    show("first byte of the page", lambda: get(""))
    first = LogChunk.objects.filter(action__run=run).order_by("pk").values_list("pk", flat=True)
    for share in (0.99, 0.5, 0.01):
        place = first[int(chunks * share)]
        show(f"older lines, {share:.0%} of the way", partial(get, f"/lines?before={place}.0"))
    show("the last lines of one task", lambda: get("?task=train"))
    show("the last lines with a text", lambda: get("?q=line+3"))

    end = LogChunk.objects.latest("pk").pk + 1
    feed = RunLogFeed(run.pk, nobody)
    feed.take(Hello(since=-1, tail=Tail(chunk=end)))
    feed.compose()

    def append() -> None:
        print_chunks(run.actions.get(name="a1"), 1)
        print_chunks(other.actions.get(name="a1"), 1)
        assert feed.compose() == ""
        assert "line 0" in feed.extras["log"]["html"]

    show("a live append", append)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        append()
    for query in captured.captured_queries:
        if query["sql"].startswith("SELECT") and "runs_logchunk" in query["sql"]:
            plan = connection.cursor().execute(f"EXPLAIN QUERY PLAN {query['sql']}").fetchall()
            sys.stdout.write(f"  {' / '.join(row[3] for row in plan)}\n")


def make(name: str, actions: int, chunks: int) -> Run:
    """A run of which all actions run, each with its share of the chunks, in turns."""
    from django.utils import timezone

    from runs.domain.phases import Phase
    from runs.models import Action, LogChunk, Project, Run

    project, _ = Project.objects.get_or_create(name="flytesnacks")
    now = timezone.now()
    run = Run.objects.create(project=project, domain="development", name=name, created_at=now, seq=1)
    common: dict[str, Any] = {
        "run": run,
        "phase": Phase.RUNNING,
        "queued_at": now,
        "started_at": now,
        "changed_seq": 1,
        "short_name": "train",
    }
    root = Action.objects.create(name="a0", **common)
    Action.objects.bulk_create(
        [Action(name=f"a{at + 1}", parent=root, **common) for at in range(actions)], batch_size=500
    )
    ids = list(run.actions.exclude(name="a0").values_list("pk", flat=True))
    rows = (LogChunk(action_id=ids[at % actions], attempt=1, lines=encoded(at)) for at in range(chunks))
    LogChunk.objects.bulk_create(rows, batch_size=2000)
    return run


async def nobody(frame: str) -> None:
    """Who reads the frames: they are composed only."""


def print_chunks(action: Action, count: int) -> None:
    from runs.models import LogChunk

    LogChunk.objects.bulk_create(
        [LogChunk(action=action, attempt=1, lines=encoded(at)) for at in range(count)]
    )


def encoded(at: int) -> bytes:
    now = int(time.time() * 1e6)
    return json.dumps(
        [[now, "out", f"line {number} of chunk {at}"] for number in range(LINES_A_CHUNK)]
    ).encode()


def show(what: str, do: Callable[[], object], times: int = 3) -> None:
    spent = []
    for _ in range(times):
        before = time.process_time()
        do()
        spent.append((time.process_time() - before) * 1000)
    middle = sorted(spent)[times // 2]
    sys.stdout.write(
        f"{what:<40} {middle:7.1f} ms{'' if middle <= MOST_MS else f'  MORE THAN {MOST_MS:.0f}'}\n"
    )


if __name__ == "__main__":
    main()
