"""Explains the end of a process that left no error: by its exit code, its signal, or the kernel's out-of-memory killer."""

from __future__ import annotations

import signal
from contextlib import suppress
from pathlib import Path

from runs.domain.failures import Failure
from runs.domain.texts import format_bytes

GROUPS = Path("/proc/self/cgroup")
MOUNT = Path("/sys/fs/cgroup")
MACHINE = Path("/proc/vmstat")
CODES = {
    signal.SIGSEGV: ("SegmentationFault", "it accessed memory that is not its own"),
    signal.SIGKILL: ("Interrupted", "by somebody else than flyteui, or by a limit of the machine"),
    signal.SIGABRT: ("AbnormalTermination", "it, or a library in it, gave up by abort()"),
    signal.SIGBUS: ("BusError", "it accessed memory that has nothing behind it"),
    signal.SIGFPE: ("ArithmeticFault", "it divided by zero in native code"),
    signal.SIGILL: ("IllegalInstruction", "a library in it was built for another processor"),
    signal.SIGTERM: ("Terminated", "somebody else than flyteui asked it to end"),
}

# Signals that code brings upon itself. Any other one, SIGKILL of the kernel above all, comes from outside: whoever had the
# processor then has done nothing.
OWN_FAULTS = frozenset(
    {
        signal.SIGSEGV,
        signal.SIGBUS,
        signal.SIGABRT,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGSYS,
        signal.SIGTRAP,
    }
)
NOT_BEGUN = 70  # the exit code of a process of ours that could not do its work

# The awaiting parent gets `flyte.errors.OOMError`, which the SDK makes only of a user's error.
OUT_OF_MEMORY = Failure(
    "OOMKilled",
    "The process of the task was killed by the kernel: the machine, or its control group, had no memory left.",
    "user",
    recoverable=True,
)


def was_killed(failure: Failure) -> bool:
    """Whether the process got SIGKILL from outside: its code is not to blame, so the attempt counts as lost and runs again."""
    return failure.code == CODES[signal.SIGKILL][0]


def is_own_fault(code: int) -> bool:
    """Whether the code in a process has ended it, by a signal or without any error that was recorded."""
    return -code in OWN_FAULTS if code < 0 else code not in {0, NOT_BEGUN}


def describe_crash(code: int) -> Failure:
    """The failure of an attempt whose process ended with this code, as subprocess has it, and left no error."""
    if code >= 0:
        message = (
            f"The process of the task ended with exit code {code} and left neither outputs nor an error."
        )
        return Failure(f"ExitCode{code}", message, "system", recoverable=True)
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    failure, why = CODES.get(-code, (f"Signal{-code}", ""))  # type: ignore[call-overload]
    message = f"The process of the task was killed by {name}" + (f": {why}." if why else ".")
    return Failure(failure, message, "system", recoverable=True)


def describe_excess(limit_bytes: int, taken_bytes: int) -> Failure:
    """The failure of an attempt whose processes were killed because they took more memory than its task declares."""
    message = f"The task asked for {format_bytes(limit_bytes)} of memory, and its processes had {format_bytes(taken_bytes)}."
    return Failure("OOMKilled", message, "user", recoverable=True)


def count_memory_kills() -> int:
    """How many processes the kernel has killed for lack of memory: the only way to tell that from any other SIGKILL.

    Counted in our control group and below it where the kernel does, else on the whole machine; 0 if neither is known.
    """
    with suppress(OSError):
        for line in GROUPS.read_text().splitlines():
            if line.startswith("0::"):
                return _count(MOUNT / line[3:].lstrip("/") / "memory.events")
    with suppress(OSError):
        return _count(MACHINE)
    return 0


def _count(file: Path) -> int:
    """The number behind `oom_kill`."""
    values = dict(line.split() for line in file.read_text().splitlines())
    return int(values.get("oom_kill", 0))
