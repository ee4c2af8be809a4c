"""The record of who has the processor: shared memory that an executor writes before and after each step of an action.

It is the head of the file that the executor locks while it is alive (`worker/locks.py`), so that its worker can read it
when the executor has died, of SIGKILL too, or when code in it keeps Python's lock. It also says which threads work for
which action. Behind it, Python writes stacks: of a fatal signal, and when the worker asks for them.
"""

from __future__ import annotations

import faulthandler
import mmap
import os
import struct
import threading
import time
from pathlib import Path
from typing import NamedTuple

from runs.protocol.frames import Key

# since: nanoseconds of the monotonic clock, 0 while no action has the processor; the ident of the loop's thread.
_HEAD = struct.Struct("<qQ")
# Run, lease epoch, name of the action.
_WHO = struct.Struct("<qq48p")
_SINCE = slice(0, 8)
_THREAD = slice(8, 16)
_WHOSE = slice(_HEAD.size, _HEAD.size + _WHO.size)
_PULSE = slice(
    _WHOSE.stop, _WHOSE.stop + 8
)  # when the link's thread last had Python's lock, on the same clock
_COLLECTS = slice(_PULSE.stop, _PULSE.stop + 8)  # 1 while garbage is collected, which keeps the lock
# A thread that works for an action: its ident, 0 where the place is free; the kernel's number of it; the action.
_WORK = struct.Struct("<QQ64s")
_PLACES = 128
_WORKS = 128
SIZE = _WORKS + _PLACES * _WORK.size  # of the record; what follows it in the file are stacks


class Holder(NamedTuple):
    """An action under a lease."""

    key: Key
    epoch: int


class Work(NamedTuple):
    """What a thread does for an action."""

    native_id: int
    holder: Holder


class Read(NamedTuple):
    """A record at one moment, or as it was left.

    key and epoch: the last action that had the processor; since_ns: 0 when it had given it back. thread: the loop's.
    works: by the ident of their thread.
    """

    key: Key
    epoch: int
    since_ns: int
    thread: int
    pulse_ns: int
    collects: bool
    works: dict[int, Work]
    stack: str

    @property
    def holder(self) -> Holder | None:
        """Who has the processor on the loop."""
        return Holder(self.key, self.epoch) if self.since_ns else None


def pack_holder(key: Key, epoch: int) -> bytes:
    """An action as the record has it; prepared once, because each step may write it."""
    return _WHO.pack(key.run, epoch, key.name.encode())


class Record:
    """The memory. A step writes `who` and then `since`, and sets `since` to 0 when it ends."""

    def __init__(self, file: int | None) -> None:
        """file: the descriptor of the locked file; without one, the record is this process' own. On the loop's thread."""
        self._file = file
        if file is not None:
            os.truncate(file, SIZE)
        self._memory = mmap.mmap(-1 if file is None else file, SIZE)
        view = memoryview(self._memory)
        self.since = view[_SINCE].cast("q")
        self.who = view[_WHOSE]
        self._pulse = view[_PULSE].cast("q")
        self._collects = view[_COLLECTS].cast("q")
        self.works = Works(view[_WORKS:SIZE])
        view[_THREAD].cast("Q")[0] = threading.get_ident()

    def beat(self) -> None:
        """Python's lock can be had. On the link's thread, periodically."""
        self._pulse[0] = time.monotonic_ns()

    def mark_collection(self, is_running: bool) -> None:
        """Python collects garbage: nobody's code keeps the lock meanwhile."""
        self._collects[0] = is_running

    def catch_fatal_signals(self, stack_signal: int) -> None:
        """Have Python write the stacks of all threads into the file when a fatal signal comes.

        And that of the loop's thread when `stack_signal` comes, which needs no lock of Python's.
        """
        if self._file is not None:
            os.lseek(self._file, SIZE, os.SEEK_SET)
            faulthandler.enable(self._file, all_threads=True)
            faulthandler.register(stack_signal, self._file, all_threads=False)


class Works:
    """Which thread works for which action. There are places enough for many; of a thread that finds none, nobody knows."""

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory
        self._free = list(range(_PLACES))
        self._pid = os.getpid()

    def enter(self, holder: bytes) -> int:
        """The calling thread works for this action from now on. Returns what `leave` needs."""
        try:
            place = self._free.pop()
        except IndexError:
            return -1
        if os.getpid() == self._pid:  # in a fork of the executor, the memory is not its own
            _WORK.pack_into(
                self._memory, place * _WORK.size, threading.get_ident(), threading.get_native_id(), holder
            )
        return place

    def leave(self, place: int) -> None:
        if place >= 0 and os.getpid() == self._pid:
            self._memory[place * _WORK.size : place * _WORK.size + 8] = bytes(8)
            self._free.append(place)


def read_record(path: Path) -> Read | None:
    """Read what an executor has left; None if it has not come so far as to write one. Raises OSError."""
    data = path.read_bytes()
    if len(data) < SIZE:
        return None
    since_ns, thread = _HEAD.unpack_from(data)
    key, epoch = _unpack_holder(data, _HEAD.size)
    if not key.name:
        return None
    works = {
        ident: Work(native_id, _unpack_holder(holder))
        for ident, native_id, holder in _WORK.iter_unpack(data[_WORKS:SIZE])
        if ident
    }
    pulse_ns, collects = struct.unpack_from("<qq", data, _PULSE.start)
    return Read(
        key, epoch, since_ns, thread, pulse_ns, bool(collects), works, data[SIZE:].decode(errors="replace")
    )


def _unpack_holder(data: bytes, at: int = 0) -> Holder:
    run, epoch, name = _WHO.unpack_from(data, at)
    return Holder(Key(run, name.decode(errors="replace")), epoch)
