"""Envelopes of a stream's request: a byte of flags, four of length, then the message.

connectrpc answers INTERNAL when one is marked as compressed in a stream that names no compression, or one that it does not know;
and clients repeat a call that ended so. This finds out first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from connectrpc.code import Code
from connectrpc.errors import ConnectError

HEAD = 5
COMPRESSED = 0b01
Receive = Callable[[], Awaitable[dict[str, Any]]]


def refuse_compressed(receive: Receive) -> Receive:
    """Raise INVALID_ARGUMENT at the first envelope that is marked as compressed."""
    flags = _Flags()

    async def receive_plain() -> dict[str, Any]:
        message = await receive()
        if any(one & COMPRESSED for one in flags.feed(message.get("body", b""))):
            raise ConnectError(
                Code.INVALID_ARGUMENT,
                "a message of the stream is compressed, but Connect-Content-Encoding is not gzip",
            )
        return message

    return receive_plain


class _Flags:
    """Reads the flags of each envelope from pieces of a body."""

    def __init__(self) -> None:
        self._head = b""
        self._rest = 0  # bytes of the message that are still to come

    def feed(self, data: bytes) -> list[int]:
        """The flags of the envelopes whose first bytes are complete with these."""
        found = []
        while data:
            if self._rest:
                skipped = min(self._rest, len(data))
                self._rest, data = self._rest - skipped, data[skipped:]
                continue
            missing = HEAD - len(self._head)
            self._head, data = self._head + data[:missing], data[missing:]
            if len(self._head) == HEAD:
                found.append(self._head[0])
                self._rest, self._head = int.from_bytes(self._head[1:], "big"), b""
        return found
