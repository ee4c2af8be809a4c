"""`make bench`: measure what DESIGN.md §9 promises, and print it beside the budgets and the last results that are kept."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence

from benchmarks.results import Line, change, fallen, keep, read_last
from benchmarks.server import running_server

MOST_FALLEN = 0.3  # with --quick, a ratio that is worse by more than this part is an error
QUICK = ["ratio"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument(
        "only", nargs="*", help="names of measurements; all when none is given, and then the results are kept"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the numbers of actions")
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"{', '.join(QUICK)} only, and an error where that has fallen by {MOST_FALLEN * 100:.0f} %%",
    )
    arguments = parser.parse_args()
    only = QUICK if arguments.quick else arguments.only
    lines: list[Line] = []
    with running_server() as url:
        from benchmarks import images, isolation, measure

        measure.connect(url)
        measurements = {**measure.MEASUREMENTS, **isolation.MEASUREMENTS, **images.MEASUREMENTS}
        for name, lines_of in measurements.items():
            if not only or name in only:
                sys.stderr.write(f"measuring {name} ...\n")
                lines.extend(Line(*line) for line in lines_of(url, arguments.scale))
    day, last = read_last()
    print(table(lines, day, last))
    if not only and arguments.scale == 1:
        sys.stderr.write(f"kept in {keep(lines)}\n")
    if arguments.quick and (worse := fallen(lines, last, MOST_FALLEN)):
        raise SystemExit("\n".join([f"has fallen by more than {MOST_FALLEN:.0%} since {day}:", *worse]))


def table(lines: Sequence[Line], day: str, last: dict[str, float]) -> str:
    """A Markdown table, with the machine in its caption."""
    changes = [change(line, last) for line in lines]
    rows = [["what", "budget", "measured"], *([line.what, line.budget, line.measured] for line in lines)]
    if any(changes):
        rows = [[*row, more] for row, more in zip(rows, [f"since {day}", *changes], strict=True)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    shown = [
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |"
        for row in rows
    ]
    shown.insert(1, f"|{'|'.join('-' * (width + 2) for width in widths)}|")
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, SQLite, everything on one machine"
    return "\n".join([f"Measured by `make bench` on {machine}:", "", *shown])


if __name__ == "__main__":
    main()
