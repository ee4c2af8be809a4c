"""Runs commands, each in a fork of this process, which has loaded what they need: `python -m tests.support.server.fork_process KIND`.

Loading takes one or two seconds of a processor, and tests run hundreds of commands. KIND is `manage`, for the management commands of
one server, or `flyte`, for the client of any. A request is a line of JSON on stdin, with arguments and environment; the answer is one on
stdout, with the exit code and what was printed. Nothing is opened before a fork, and no thread is started.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

# What the client loads. The client itself starts a thread when it is imported, and threads do not live through a fork.
LIST_MODULES = """
import flyte.cli.main, flyte.cli._run, flyte.remote, json, sys
print(json.dumps([name for name in sys.modules if name.partition('.')[0] not in {'flyte', 'flyteui', '__main__'}]))
"""


def load_for_manage() -> None:
    import django

    django.setup()
    for name in ("runs.management.commands.demo", "runs.management.commands.doctor"):
        importlib.import_module(name)


def load_for_flyte() -> None:
    listed = subprocess.run([sys.executable, "-c", LIST_MODULES], capture_output=True, text=True, check=True)
    for name in json.loads(listed.stdout.splitlines()[-1]):
        importlib.import_module(name)


def manage(arguments: list[str]) -> None:
    from django.core.management import execute_from_command_line

    execute_from_command_line(["manage.py", *arguments])


def flyte(arguments: list[str]) -> None:
    # The client puts the modules that are loaded from its folder into the bundle: none of ours may be among them.
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    program = Path(sys.executable).with_name("flyte")
    sys.modules["__main__"].__file__ = str(program)
    sys.argv = [str(program), *arguments]
    importlib.import_module("flyte.cli.main").main()


KINDS: dict[str, tuple[Callable[[], None], Callable[[list[str]], None]]] = {
    "manage": (load_for_manage, manage),
    "flyte": (load_for_flyte, flyte),
}


def run(command: Callable[[list[str]], None], request: dict[str, Any]) -> int:
    """In a fork: the code with which the program would end."""
    os.environ.clear()
    os.environ.update(request["environment"])
    try:
        command(request["arguments"])
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:  # as the interpreter does with what nobody has caught
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def answer(command: Callable[[list[str]], None], request: dict[str, Any]) -> dict[str, Any]:
    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        Path(os.devnull).open("rb") as null,
    ):
        child = os.fork()
        if not child:
            code = 1
            try:
                for stream, number in ((null, 0), (out, 1), (err, 2)):
                    os.dup2(stream.fileno(), number)
                code = run(command, request)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        printed = []
        for stream in (out, err):
            stream.seek(0)
            printed.append(stream.read().decode())
    return {"code": code, "out": printed[0], "err": printed[1]}


def main(kind: str) -> None:
    load, command = KINDS[kind]
    load()
    for line in sys.stdin:
        print(json.dumps(answer(command, json.loads(line))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
