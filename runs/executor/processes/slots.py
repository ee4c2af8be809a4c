"""Who may run: child processes up to a number, and of those that declare cores no more than there are cores.

A function that declares nothing occupies no core: most plain functions wait, for a response or for another program. Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class _Waiter(NamedTuple, Generic[T]):
    one: T
    cores: float


class Slots(Generic[T]):
    """A slot is the right to run; who waits for child actions gives it back, so any depth of nesting proceeds.

    First come those that have begun, because their parents have waited the longest; and nobody that declares cores overtakes
    another that does, or many small ones would keep a large one out for ever.
    """

    def __init__(self, processes: int, cores: float) -> None:
        self._free_processes = processes
        self._cores = cores
        self._used_cores = 0.0
        # In the order in which they are asked: with cores and without, of those that have begun and of the others.
        self._begun: tuple[deque[_Waiter[T]], ...] = deque(), deque()
        self._new: tuple[deque[_Waiter[T]], ...] = deque(), deque()

    def join(self, one: T, cores: float, *, has_begun: bool = False) -> None:
        """Wait for a slot."""
        queues = self._begun if has_begun else self._new
        queues[0 if cores else 1].append(_Waiter(one, cores))

    def leave(self, one: T) -> bool:
        """Wait no longer; False if it does not wait."""
        for queue in (*self._begun, *self._new):
            for waiter in queue:
                if waiter.one is one:
                    queue.remove(waiter)
                    return True
        return False

    def take(self) -> T | None:
        """Give the next slot, if there is one for somebody; returns who has it now."""
        if self._free_processes <= 0 or (queue := self._find()) is None:
            return None
        waiter = queue.popleft()
        self._free_processes -= 1
        self._used_cores += waiter.cores
        return waiter.one

    def _find(self) -> deque[_Waiter[T]] | None:
        """The queue whose first one may run."""
        with_cores = self._begun[0] or self._new[0]
        if with_cores and self._has(with_cores[0].cores):
            return with_cores
        return self._begun[1] or self._new[1] or None

    def _has(self, cores: float) -> bool:
        """Whether so many are free; what declares more than the machine has runs when nobody else uses any."""
        return not self._used_cores or self._used_cores + cores <= self._cores

    def give_back(self, cores: float) -> None:
        self._free_processes += 1
        # Sums of tenths are not exact: what nobody uses must be zero.
        self._used_cores = round(self._used_cores - cores, 6)

    def waiting(self) -> Iterator[T]:
        return (waiter.one for queue in (*self._begun, *self._new) for waiter in queue)
