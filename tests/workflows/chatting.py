"""Prints what a file orders, line by line: `out <text>`, `err <text>`, `flood <first> <count>`, `end`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import flyte

env = flyte.TaskEnvironment(name="chatting")


@env.task
async def main(orders: str) -> int:
    done = 0
    while True:
        for order in Path(orders).read_text().splitlines()[done:]:
            done += 1
            kind, _, text = order.partition(" ")
            if kind == "end":
                print("the last line")
                return done
            await obey(kind, text)
        await asyncio.sleep(0.005)


async def obey(kind: str, text: str) -> None:
    if kind == "flood":
        first, count = map(int, text.split())
        for number in range(first, first + count):
            print(f"flood line {number}")
            if number % 1000 == 999:  # faster, and the executor would drop lines and say so
                await asyncio.sleep(0.05)
    else:
        print(text, file=sys.stderr if kind == "err" else sys.stdout)
