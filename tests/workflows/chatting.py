"""Prints what a file orders, line by line: `out <text>`, `err <text>`, `log <level> <text>`, `json <a text>`, `fail`, `crash`, `flood <first> <count>`, `end`."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import traceback
from pathlib import Path

import flyte

env = flyte.TaskEnvironment(name="chatting")


@env.task
async def main(orders: str) -> int:
    done = 0
    while True:
        whole, _, _ = Path(orders).read_text().rpartition("\n")  # the last line may be half written
        for order in whole.splitlines()[done:]:
            done += 1
            kind, _, text = order.partition(" ")
            if kind == "end":
                print("the last line")
                return done
            await obey(kind, text)
        await asyncio.sleep(0.005)


@env.task
def count(text: str) -> int:
    """A plain function, in a process of its own."""
    return int(text)


async def obey(kind: str, text: str) -> None:
    if kind == "flood":
        first, count = map(int, text.split())
        for number in range(first, first + count):
            print(f"flood line {number}")
            if number % 1000 == 999:  # faster, and the executor would drop lines and say so
                await asyncio.sleep(0.05)
    elif kind == "log":
        level, _, message = text.partition(" ")
        flyte.logger.log(logging.getLevelNamesMapping()[level], message)
    elif kind == "fail":
        try:
            json.loads("no JSON")
        except ValueError:
            traceback.print_exc()
    elif kind == "crash":
        json.loads("no JSON")
    elif kind == "json":
        print(json.loads(text))
    else:
        print(text, file=sys.stderr if kind == "err" else sys.stdout)
