"""`python -m runs.executor zygote FD`: start the zygote of a worker, which serves on this socket.

`python -m runs.executor [FD]`: start one executor process. It reads its configuration from stdin. FD is the writing end of
a pipe that this process and all that it forks keep open: its worker reads the end of the pipe when the last of them has
ended. Programs that they start do not inherit it.
"""

from __future__ import annotations

import os
import sys

from runs.executor import zygote
from runs.executor.link.config import decode_config


def main() -> None:
    if sys.argv[1:2] == ["zygote"]:
        zygote.serve(int(sys.argv[2]))
    liveness_fds = [int(fd) for fd in sys.argv[1:]]
    for fd in liveness_fds:
        os.set_inheritable(fd, False)
    config = decode_config(sys.stdin.buffer.readline())
    # User code must not wait for input from a terminal that is not there.
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    zygote.run_executor(config, liveness_fds)


if __name__ == "__main__":
    main()
