"""`python -m benchmarks.engine`: what the engine takes of a processor for an action that is asked for, starts and ends.

Without sockets and executors: the batches are those of an executor, in a database of this process' own. So what it prints is
processor time of the engine and the database, and the number of statements, neither of which another process changes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time

# How many actions have their events in one batch: few while the executor waits for the answer, many in a flood.
SIZES = (5, 20, 100)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.engine", description=__doc__)
    parser.add_argument("--actions", type=int, default=3000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"FLYTEUI_HOME": home, "DJANGO_SETTINGS_MODULE": "flyteui.settings"}
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        for size in SIZES:
            measure(arguments.actions, size)


def measure(actions: int, size: int) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from runs.engine import news
    from runs.protocol import frames
    from tests.support.scene import Scene

    scene = Scene(capacity=10 * actions)
    scene.start()
    seen = {scene.run.pk: 0}

    def ask_and_run(first: int) -> tuple[float, float, float]:
        """CPU milliseconds of asking, of starting and ending, and of telling the executor, for each of `size` actions."""
        names = [f"n{number}" for number in range(first, first + size)]
        asked = [scene.enqueue(name) for name in names]
        begun = time.process_time()
        scene.batch(*asked)
        between = time.process_time()
        at = frames.now_us()
        ends = [frames.Finished(scene.key(name), 1, at, "succeeded") for name in names]
        starts = [frames.Started(scene.key(name), 1, at) for name in names]
        scene.batch(*(event for pair in zip(starts, ends, strict=True) for event in pair))
        ended = time.process_time()
        changes, _ = news.get_news(scene.executor_id, seen)
        seen.update(changes.seqs)
        told = time.process_time()
        return (between - begun, ended - between, told - ended)

    ask_and_run(0)
    took = [ask_and_run(first) for first in range(size, actions, size)]
    with CaptureQueriesContext(connection) as statements:
        ask_and_run(actions)
    each = [statistics.median(parts) / size * 1e3 for parts in zip(*took, strict=True)]
    whole = " + ".join(f"{one:.3f}" for one in each)
    print(
        f"{size:>4} in a batch: {sum(each):.3f} ms of CPU an action = {whole} (asked for, begun and ended, told);"
        f" {len(statements)} statements for all of them"
    )


if __name__ == "__main__":
    main()
