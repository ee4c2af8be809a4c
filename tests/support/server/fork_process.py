"""Runs commands, each in a fork of this process, which has loaded what they need: `python -m tests.support.server.fork_process KIND`.

Loading takes one or two seconds of a processor, and tests run hundreds of commands. KIND is `manage`, for the management commands of
one server, or `flyte`, for the client of any. A request is a line of JSON on stdin, with arguments and environment; the answer is one on
stdout, with the exit code and what was printed. What a command loads besides is loaded here after it, for those that follow. A thread
that a module starts when it is loaded starts in each fork instead.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

FOR_MANAGE = ("runs.management.commands.demo", "runs.management.commands.doctor")
FOR_FLYTE = ("flyte.cli.main", "flyte.cli._run", "flyte.remote")
LIBRARIES = sysconfig.get_path("purelib")
start_thread = threading.Thread.start


def load_for_manage() -> None:
    import django

    django.setup()
    load(FOR_MANAGE)


def load_for_flyte() -> None:
    load(FOR_FLYTE)


def load(names: Iterable[str]) -> None:
    """Import modules; their threads, which would not live through a fork, wait for it."""
    waiting: list[threading.Thread] = []
    threading.Thread.start = lambda self: waiting.append(self)  # type: ignore[method-assign]  # noqa: PLW0108 (binds)
    for name in names:
        with suppress(ModuleNotFoundError):  # some put what is no module there
            importlib.import_module(name)
    threading.Thread.start = start_thread  # type: ignore[method-assign]
    if waiting:
        os.register_at_fork(after_in_child=lambda: begin(waiting))


def begin(threads: Iterable[Any]) -> None:
    """Made anew first: to Python 3.13 a thread that did not run before the fork is one that has ended."""
    for thread in threads:
        target, args, kwargs = thread._target, thread._args, thread._kwargs
        threading.Thread.__init__(thread, None, target, thread.name, args, kwargs, daemon=thread.daemon)
        start_thread(thread)


def libraries() -> set[str]:
    """The names of what is loaded from the environment, and not from a user's folder."""
    return {
        name
        for name, module in list(sys.modules.items())
        if str(getattr(module, "__file__", None)).startswith(LIBRARIES)
    }


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
        tempfile.TemporaryFile() as loaded,
        Path(os.devnull).open("rb") as null,
    ):
        child = os.fork()
        if not child:
            code = 1
            try:
                for stream, number in ((null, 0), (out, 1), (err, 2)):
                    os.dup2(stream.fileno(), number)
                code = run(command, request)
                loaded.write("\n".join(libraries()).encode())
                loaded.flush()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        printed = []
        for stream in (out, err, loaded):
            stream.seek(0)
            printed.append(stream.read().decode())
    load(sorted(set(printed[2].split()) - set(sys.modules)))
    return {"code": code, "out": printed[0], "err": printed[1]}


def main(kind: str) -> None:
    prepare, command = KINDS[kind]
    prepare()
    for line in sys.stdin:
        print(json.dumps(answer(command, json.loads(line))), flush=True)
    os._exit(0)  # what would wait here for threads waits for some that never started


if __name__ == "__main__":
    main(sys.argv[1])
