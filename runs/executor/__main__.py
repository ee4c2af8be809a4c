"""`python -m runs.executor zygote FD [environment]`: start the zygote of a worker, which serves on this socket. In an environment it
asks first whether the flyte that is there fits.

`python -m runs.executor [FD]`: start one executor process. It reads its configuration from stdin. FD is the writing end of
a pipe that this process and all that it forks keep open: its worker reads the end of the pipe when the last of them has
ended. Programs that they start do not inherit it.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import NoReturn


def main() -> None:
    if sys.argv[1:2] == ["zygote"]:
        serve_zygote(int(sys.argv[2]), is_in_environment=len(sys.argv) > 3)
    start_executor([int(fd) for fd in sys.argv[1:]])


def serve_zygote(control_fd: int, *, is_in_environment: bool) -> NoReturn:
    if is_in_environment and (answer := ask_environment()):
        # Without msgspec, which may be what is missing.
        os.write(control_fd, json.dumps(answer).encode() + b"\n")
        sys.exit()
    from runs.executor import zygote

    zygote.serve(control_fd)


def ask_environment() -> dict[str, str]:
    """Why no executor can be forked here: the reply Unfit, if nothing can run here, or Misfit; empty if one can."""
    from runs.executor.flyte import seam

    version = seam.version()
    for package, is_there in (("flyte", version), ("msgspec", seam.can_import("msgspec"))):
        if not is_there:
            return {"type": "unfit", "reason": f"{package} is not installed in it"}
    missing = [] if seam.can_import("websockets") else ["websockets is not installed"]
    missing = missing or seam.list_missing()
    if not missing:
        try:
            importlib.import_module("runs.executor.zygote")
        except Exception as problem:  # of a dependency whose version is another one
            missing = [f"{type(problem).__name__}: {problem}"]
    if not missing:
        return {}
    more = f" and {len(missing) - 2} more" if len(missing) > 2 else ""
    lacks = f"{'; '.join(missing[:2])}{more}"
    return {"type": "misfit", "reason": f"flyte {version} runs them by its own entry point ({lacks})"}


def start_executor(liveness_fds: list[int]) -> None:
    from runs.executor import zygote
    from runs.executor.link.config import decode_config

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
