"""The executor's ends of the pipes to one child process: output, stack, and a channel for slots and aborts. On the link's loop."""

from __future__ import annotations

import asyncio
import codecs
import json
import os
import socket
from collections.abc import Callable
from contextlib import suppress

CHUNK = 64 * 1024
STREAMS = ("out", "err", "log")
# Sent by the child: two messages about its slot, and that its code got the CancelledError of an abort.
RELEASE, ACQUIRE, DELIVERED = b"-", b"+", b"t"
# And for how many milliseconds its code has kept its event loop: b"b417;".
BLOCKED = b"b"
# And, each with JSON (`encode`): what its end waits for, a clause and stacks; and the names of what was ended with it.
GOES_ON, LEFT_BEHIND = b"w", b"l"
# Sent to the child, a line each: exactly one GRANT for each ACQUIRE, and the reason of an abort as a JSON string. To one that
# runs a coroutine: cancel its task again, and write the stacks of its tasks.
GRANT, AGAIN, STACKS = b"g\n", b"a\n", b"s\n"
# Before the stacks of asyncio tasks, which come behind what `faulthandler` writes if the loop runs.
TASKS = "\0"
CallSoon = Callable[..., object]


def encode(what: object) -> bytes:
    """As JSON that ends with a semicolon and has none else."""
    return json.dumps(what).replace(";", "\\u003b").encode() + b";"


class OutputPipes:
    """Pipes for output. write(stream, text): what has come. call_soon: calls a function on the link's loop, from any thread."""

    def __init__(self, write: Callable[[str, str], None], call_soon: CallSoon) -> None:
        self._write = write
        self._call_soon = call_soon
        self._decoders: dict[int, tuple[str, codecs.IncrementalDecoder]] = {}

    def open(self, stream: str) -> int:
        """Open a pipe and return its writing end. Any thread."""
        read, write = os.pipe()
        os.set_blocking(read, False)
        self._decoders[read] = stream, codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._call_soon(self._watch, read)
        return write

    def _watch(self, read: int) -> None:
        if read in self._decoders:
            asyncio.get_running_loop().add_reader(read, self._read, read)

    def close(self) -> None:
        """Read what is left in the pipes, without waiting for others that hold their writing ends."""
        for read in list(self._decoders):
            while self._read(read):
                pass
            self._end(read)

    def _read(self, read: int) -> bool:
        """Read a chunk; False when there is none now."""
        if read not in self._decoders:
            return False
        try:
            data = os.read(read, CHUNK)
        except BlockingIOError:
            return False
        stream, decoder = self._decoders[read]
        if data:
            self._write(stream, decoder.decode(data))
            return True
        self._end(read)
        return False

    def _end(self, read: int) -> None:
        if read not in self._decoders:
            return
        stream, decoder = self._decoders.pop(read)
        asyncio.get_running_loop().remove_reader(read)
        os.close(read)
        if rest := decoder.decode(b"", final=True):
            self._write(stream, rest)


class Pipes:
    """write(stream, text): what the process has written. receive(message): RELEASE, ACQUIRE, DELIVERED, or one of the others with what follows it."""

    def __init__(self, write: Callable[[str, str], None], receive: Callable[[bytes], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._output = OutputPipes(write, self._loop.call_soon)
        self._receive = receive
        self._channel: socket.socket | None = None
        self._unread = b""  # the beginning of a message
        self._stack = -1

    def open(self) -> list[int]:
        """Open the pipes and return the process' ends, which the caller closes when the process has them."""
        theirs = [self._output.open(stream) for stream in STREAMS]
        self._channel, other = socket.socketpair()
        self._channel.setblocking(False)
        self._loop.add_reader(self._channel, self._read_channel)
        self._stack, stack = os.pipe()
        os.set_blocking(self._stack, False)
        return [*theirs, other.detach(), stack]

    def grant(self) -> None:
        """Reply to ACQUIRE: the process has a slot."""
        self._send(GRANT)

    def cancel(self, reason: str) -> None:
        """Have CancelledError raised in its code. The reply is DELIVERED, if the code is running."""
        self._send(json.dumps(reason).encode() + b"\n")

    def cancel_again(self) -> None:
        """Have its asyncio task cancelled once more; where its loop is blocked, CancelledError is raised in the code."""
        self._send(AGAIN)

    def ask_for_stacks(self) -> None:
        """Have it write where its asyncio tasks wait, if its loop runs."""
        self._send(STACKS)

    def _send(self, line: bytes) -> None:
        if self._channel is not None:
            with suppress(OSError):  # it has ended, or does not read any more
                self._channel.send(line)

    def stack(self) -> str:
        """What the process has written of its stacks: the innermost frame last, as Python shows them.

        Those of its asyncio tasks if its loop runs, else that of its main thread.
        """
        try:
            text = os.read(self._stack, CHUNK).decode("utf-8", "backslashreplace")
        except BlockingIOError:
            return ""
        text, mark, tasks = text.rpartition(TASKS)
        if mark:
            return tasks
        return "\n".join(reversed([line for line in tasks.splitlines() if line.startswith("  ")]))

    def close(self) -> None:
        """The process has ended."""
        self._output.close()
        if self._channel is not None:
            self._read_channel()
            self._loop.remove_reader(self._channel)
            self._channel.close()
            self._channel = None
            os.close(self._stack)

    def _read_channel(self) -> None:
        assert self._channel is not None
        try:
            data = self._channel.recv(CHUNK)
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(self._channel)
        self._unread += data
        while self._unread:
            end = 1
            if self._unread.startswith((BLOCKED, GOES_ON, LEFT_BEHIND)) and not (
                end := self._unread.find(b";") + 1
            ):
                break
            message, self._unread = self._unread[:end], self._unread[end:]
            self._receive(message.removesuffix(b";"))
