"""What the executor, its zygote and the keepers say to each other: JSON, one message a line. Pure."""

from __future__ import annotations

import signal
import sys

import msgspec

# Lets a child write where its main thread is. Programs do not use it; there is none to spare elsewhere than on Linux.
STACK_SIGNAL = signal.SIGRTMAX - 2 if sys.platform == "linux" else signal.SIGUSR1


class Start(msgspec.Struct, tag="start"):
    """Fork a child. Its file descriptors travel beside the line."""

    id: int
    args: list[str]
    folder: str
    env: dict[str, str]
    is_function: bool = False  # the SDK would run it in a thread, and it runs in the main one


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
    """The system gives no process."""

    id: int
    reason: str


class Signalled(msgspec.Struct, tag="signalled"):
    """The signal was sent at this instant. No answer: the process had ended before."""

    id: int
    number: int
    at: int


class Ended(msgspec.Struct, tag="ended"):
    """The process has ended, and all that it had started. code: as subprocess says it, minus the signal's number."""

    id: int
    code: int


Request = Start | Signal
Reply = Began | Refused | Signalled | Ended
encode = msgspec.json.encode
decode_request = msgspec.json.Decoder(Request).decode
decode_reply = msgspec.json.Decoder(Reply).decode
