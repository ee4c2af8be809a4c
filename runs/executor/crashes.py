"""What the end of a process says when its code had no chance to say anything. Pure."""

from __future__ import annotations

import signal

from runs.executor.frames import Failure

CODES = {
    signal.SIGSEGV: ("SegmentationFault", "it accessed memory that is not its own"),
    signal.SIGKILL: ("Interrupted", "by somebody else than flyteui, or by a limit of the machine"),
    signal.SIGABRT: ("AbnormalTermination", "it, or a library in it, gave up by abort()"),
    signal.SIGBUS: ("BusError", "it accessed memory that has nothing behind it"),
    signal.SIGFPE: ("ArithmeticFault", "it divided by zero in native code"),
    signal.SIGILL: ("IllegalInstruction", "a library in it was built for another processor"),
    signal.SIGTERM: ("Terminated", "somebody else than flyteui asked it to end"),
}


def was_killed(failure: Failure) -> bool:
    """Whether somebody else has killed the process: nothing that its code has done, so it is tried again."""
    return failure.code == CODES[signal.SIGKILL][0]


def describe_crash(code: int, *, has_memory: bool = True) -> Failure:
    """The failure of an attempt whose process ended with this code, as subprocess says it, and left no error.

    has_memory: False when the kernel has killed a process for want of memory meanwhile. In the awaiting parent that is
    `flyte.errors.OOMError`, which the SDK makes of an error of the user.
    """
    if code == -signal.SIGKILL and not has_memory:
        message = "The process of the task was killed by the kernel: the machine, or its control group, had no memory left."
        return Failure("OOMKilled", message, "user", recoverable=True)
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
