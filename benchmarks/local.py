"""`python -m benchmarks.local N`: the fan-out in the SDK's own local mode, in this process; prints actions a second, and CPU seconds."""

from __future__ import annotations

import argparse
import time

import flyte

from benchmarks import flows

WARM_UP = 200


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.local", description=__doc__)
    parser.add_argument("n", type=int)
    n = parser.parse_args().n
    flyte.init()
    for count in (WARM_UP, n):
        began, spent = time.monotonic(), time.process_time()
        flyte.with_runcontext(mode="local").run(flows.fan_out, n=count)
        rate, cpu = count / (time.monotonic() - began), time.process_time() - spent
    print(f"{rate:.1f} {cpu:.3f}")


if __name__ == "__main__":
    main()
