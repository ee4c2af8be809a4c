"""A run that changes ten times a second for as long as one likes: `python -m tests.e2e.steady SECONDS`, beside a server.

It is performed as `manage.py demo --live` is: by an executor's link, so that the server itself writes each change.
"""

from __future__ import annotations

import sys

import django

SLOTS = 16
LEAF_SECONDS = 1.6  # so one starts, and one ends, ten times a second


def main(seconds: float) -> None:
    django.setup()
    from django.conf import settings

    from runs.demo.performance import Performance
    from runs.demo.scripts import Script, Take
    from runs.demo.stage import set_stage
    from runs.names import ROOT
    from runs.queries.pages import run_path

    names = tuple(f"s{number}" for number in range(int(seconds * SLOTS / LEAF_SECONDS)))
    scripts = {ROOT: Script(ROOT, None, "main", "", (Take(0.1),), names)}
    scripts |= {
        name: Script(name, ROOT, "step", "", (Take(LEAF_SECONDS * (0.8 + 0.4 * (at % 16) / 15)),))
        for at, name in enumerate(names)
    }
    stage = set_stage(scripts, actor="test", ends_at=None, logs=False, slots=SLOTS)
    print(f"{settings.PUBLIC_URL}{run_path(stage.ref)}", flush=True)
    problem = Performance(
        stage,
        socket_url=f"ws{settings.PUBLIC_URL.removeprefix('http')}/ws/executor/",
        api_url=settings.PUBLIC_URL,
        token=settings.EXECUTOR_TOKEN,
    ).run()
    if problem:
        raise SystemExit(problem)


if __name__ == "__main__":
    main(float(sys.argv[1]))
