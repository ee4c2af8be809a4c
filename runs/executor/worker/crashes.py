"""Who ended an executor: the action that had the processor when the process crashed, by the record that it has left."""

from __future__ import annotations

import re
import signal

from runs.executor.attempt.record import Holder, Read, read_record
from runs.executor.link.client import WRONG_TOKEN
from runs.executor.processes.exits import describe_crash, is_own_fault
from runs.executor.worker import locks
from runs.protocol import frames, worker_frames
from runs.protocol.bounds import bound_failure

# How Python names them in what it writes, for an end whose code nobody saw.
_NAMES = {
    "Segmentation fault": signal.SIGSEGV, "Bus error": signal.SIGBUS, "Aborted": signal.SIGABRT,
    "Floating": signal.SIGFPE, "Illegal instruction": signal.SIGILL,
}  # fmt: skip
# Exit codes that are an executor's own, beside those of any process: an ordinary end, a stop, a wrong token. 0 is none of them.
_OWN_CODES = frozenset({frames.LEFT, frames.STOPPED, WRONG_TOKEN})
_FATAL = "Fatal Python error: "
_CURRENT_THREAD = re.compile(r"^Current thread 0x([0-9a-f]+)[^\n]*:\n((?:  [^\n]*\n?)*)", re.MULTILINE)
_MACHINERY = re.compile(r'File "[^"]*/(?:asyncio|flyte|runs/executor)/')


def find_culprit(home: str, executor: str, code: int) -> worker_frames.Culprit | None:
    """The action that ended this process, if one did. code: as in `worker_frames.Exited`."""
    try:
        left = read_record(locks.path_of(home, executor))
    except OSError:
        return None
    if left is None or not (left.since_ns or left.works):
        return None
    fatal = left.stack.rpartition(_FATAL)[2]
    if code == worker_frames.UNSEEN:
        code = next((-number for name, number in _NAMES.items() if fatal.startswith(name)), -signal.SIGKILL)
    if code in _OWN_CODES or not (code == 0 or is_own_fault(code)):
        return None
    thread, stack = _read_stack(fatal)
    holder = _holder_of(left, thread, is_native=bool(fatal) and thread is None)
    return _charge(holder, code, stack) if holder is not None else None


def _holder_of(left: Read, thread: int | None, *, is_native: bool) -> Holder | None:
    """The action for which that thread worked; of an unknown thread, the only one for which any did.

    is_native: a thread has crashed that Python does not know, so nobody's code has been proved to do it.
    """
    if thread is not None:
        work = left.works.get(thread)
        return left.holder if thread == left.thread else work and work.holder
    here = {work.holder for work in left.works.values()} | ({left.holder} if left.holder else set())
    return here.pop() if len(here) == 1 and not is_native else None


def _read_stack(fatal: str) -> tuple[int | None, str]:
    """The thread that got the signal, and its calls, innermost first, as far as they are user code's."""
    found = _CURRENT_THREAD.search(fatal)
    if found is None:
        return None, ""
    return int(found[1], 16), "\n".join(user_calls(found[2].splitlines()))


def user_calls(calls: list[str]) -> list[str]:
    """Of the lines that Python writes of a stack, innermost first, those of user code."""
    user = next((n for n, call in enumerate(calls) if _MACHINERY.search(call)), len(calls))
    return calls[: max(user, 1)]


def _charge(holder: Holder, code: int, stack: str) -> worker_frames.Culprit:
    failure = describe_crash(code)
    message = (
        f"Its last calls, the innermost first:\n{stack}\n\n{failure.message}" if stack else failure.message
    )
    return worker_frames.Culprit(
        holder.key,
        holder.epoch,
        bound_failure(type(failure)(failure.code, message, failure.kind, failure.recoverable)),
    )
