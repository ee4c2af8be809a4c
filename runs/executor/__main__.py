"""`python -m runs.executor [FD]`: one executor process. It reads its configuration from stdin, after its imports: a
process that waits there starts its pool at once. FD is kept open by it and by what it forks, so that its worker hears
when the last of them has ended; programs that they start do not get it.
"""

from __future__ import annotations

import os
import sys

from runs.executor import alive
from runs.executor.config import decode_config
from runs.executor.forker import Forker
from runs.executor.isolated import fork_zygote
from runs.executor.process import Process


def main() -> None:
    kept = [int(fd) for fd in sys.argv[1:]]
    for fd in kept:
        os.set_inheritable(fd, False)
    line = sys.stdin.buffer.readline()
    if not line.strip():
        return  # whoever kept this process in reserve is gone
    config = decode_config(line)
    if (lock := alive.hold(config.home, config.executor)) is not None:
        kept.append(lock)
    os.environ.update(config.env)
    # User code must not wait for input from a terminal that is not there.
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    Process(config, Forker(fork_zygote(), kept)).run()


if __name__ == "__main__":
    main()
