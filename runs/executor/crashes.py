"""What the end of a process says when its code had no chance to say anything. Pure."""

from __future__ import annotations

import signal

from runs.executor.frames import Failure

CODES = {
    signal.SIGSEGV: ("SegmentationFault", "it accessed memory that is not its own"),
    signal.SIGKILL: ("Killed", "most often because the machine had no memory left"),
    signal.SIGABRT: ("AbnormalTermination", "it, or a library in it, gave up by abort()"),
    signal.SIGBUS: ("BusError", "it accessed memory that has nothing behind it"),
    signal.SIGFPE: ("ArithmeticFault", "it divided by zero in native code"),
    signal.SIGILL: ("IllegalInstruction", "a library in it was built for another processor"),
    signal.SIGTERM: ("Terminated", "somebody else than flyteui asked it to end"),
}


def describe_crash(code: int) -> Failure:
    """The failure of an attempt whose process ended with this code, as subprocess says it, and left no error."""
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
