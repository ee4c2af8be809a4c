"""Messages between the executor, its zygote and the shims: JSON, one message a line. Pure."""

from __future__ import annotations

import signal
import sys

import msgspec

# Makes a child write the stack of its main thread. On Linux no program uses it; other systems have none to spare.
STACK_SIGNAL = signal.SIGRTMAX - 2 if sys.platform == "linux" else signal.SIGUSR1


class Start(msgspec.Struct, tag="start"):
    """Fork a child. Its file descriptors are sent along with the line."""

    id: int
    args: list[str]
    bundle: str  # the folder of its code
    folder: str  # where its own working folder is to be made
    env: dict[str, str]
    is_function: bool = False  # the SDK would run it in a thread, and it runs in the main one
    grace_seconds: float = 30.0  # of the tasks that a coroutine leaves behind
    secrets: list[bytes] = []  # what it masks in its errors and reports


class Signal(msgspec.Struct, tag="signal"):
    """Send a signal: to the child's process group, SIGKILL to all that it has started, STACK_SIGNAL to itself alone."""

    id: int
    number: int


class Began(msgspec.Struct, tag="began"):
    """The process exists, and its group has its number."""

    id: int
    pid: int
    at: int


class Refused(msgspec.Struct, tag="refused"):
    """The system could not start a process."""

    id: int
    reason: str


class Signalled(msgspec.Struct, tag="signalled"):
    """The signal was sent at this time. There is no reply if the process had ended before."""

    id: int
    number: int
    at: int


class Ended(msgspec.Struct, tag="ended"):
    """The process and all that it started have ended. code: as subprocess has it, minus the number for a signal.

    What the process has used, with the children that it has waited for; 0 when that is not known.
    """

    id: int
    code: int
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0


class EntryPoint(msgspec.Struct, frozen=True):
    """How the actions of an environment are run whose flyte does not fit: forked from a zygote of that Python, with these variables."""

    python: str
    variables: dict[str, str]


Request = Start | Signal
Reply = Began | Refused | Signalled | Ended
encode = msgspec.json.encode
decode_request = msgspec.json.Decoder(Request).decode
decode_reply = msgspec.json.Decoder(Reply).decode
