"""`make bench`: measure what DESIGN.md §9 promises, and print it beside the budgets."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from dataclasses import dataclass

from benchmarks.server import running_server


@dataclass(frozen=True)
class Line:
    """One row of the table."""

    what: str
    budget: str
    measured: str


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("only", nargs="*", help="names of measurements; all when none is given")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the numbers of actions")
    arguments = parser.parse_args()
    lines: list[Line] = []
    with running_server() as url:
        from benchmarks import images, isolation, measure

        measure.connect(url)
        measurements = {**measure.MEASUREMENTS, **isolation.MEASUREMENTS, **images.MEASUREMENTS}
        for name, lines_of in measurements.items():
            if not arguments.only or name in arguments.only:
                sys.stderr.write(f"measuring {name} ...\n")
                lines.extend(Line(*line) for line in lines_of(url, arguments.scale))
    print(table(lines))


def table(lines: list[Line]) -> str:
    """A Markdown table, with the machine in its caption."""
    rows = [("what", "budget", "measured"), *((line.what, line.budget, line.measured) for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    shown = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    shown.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, SQLite, everything on one machine"
    return "\n".join([f"Measured by `make bench` on {machine}:", "", *shown])


if __name__ == "__main__":
    main()
