"""A cache of results that is bounded by bytes, for values whose size a user decides. Pure.

`functools.lru_cache` bounds their number: 1,024 task specs of up to 14 MB each would be 14 GB.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
OVERHEAD_BYTES = 1024  # of an entry, beside what it holds


def cached(most_bytes: int, size: Callable[..., int]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Keep what a function of hashable positional arguments returns, up to so many bytes; the oldest use leaves first.

    size: how many bytes arguments and result take together, from the arguments. What raises is not kept.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        kept = _Kept[R](most_bytes)

        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            key = (*args, *kwargs.items())
            found = kept.find(key)
            if found is None:
                found = (function(*args, **kwargs),)
                kept.add(key, found, OVERHEAD_BYTES + size(*args, **kwargs))
            return found[0]

        return run

    return decorate


def by_identity(most: int) -> Callable[[Callable[[T], R]], Callable[[T], R]]:
    """Keep what a function makes of an object that nobody changes, by which object it is: of so many, which it keeps alive.

    For objects that are not hashable, or that take long to compare, such as messages of protobuf.
    """

    def decorate(function: Callable[[T], R]) -> Callable[[T], R]:
        kept: dict[int, tuple[T, R]] = {}

        @wraps(function)
        def run(one: T) -> R:
            if (found := kept.get(id(one))) is not None:
                return found[1]
            result = function(one)
            kept[id(one)] = (one, result)
            if len(kept) > most:
                kept.pop(next(iter(kept)), None)
            return result

        return run

    return decorate


class _Kept(Generic[R]):
    """Results in tuples of one, so that None can be a result."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._entries: dict[tuple[object, ...], tuple[tuple[R], int]] = {}  # the last used is the last
        self._bytes = 0
        self._lock = Lock()

    def find(self, key: tuple[object, ...]) -> tuple[R] | None:
        with self._lock:
            entry = self._entries.pop(key, None)
            if entry is None:
                return None
            self._entries[key] = entry
            return entry[0]

    def add(self, key: tuple[object, ...], result: tuple[R], size: int) -> None:
        with self._lock:
            if key in self._entries or size > self._most:
                return
            self._entries[key] = (result, size)
            self._bytes += size
            while self._bytes > self._most:
                _, left = self._entries.pop(next(iter(self._entries)))
                self._bytes -= left
