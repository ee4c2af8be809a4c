"""The child actions of this process' attempts: enqueues them, waits for their ends, aborts them. Knows no SDK.

User code submits and waits on its own event loop, or on the SDK's thread for synchronous calls; the server's results come
on the link's thread. So a waiter is a future of the loop that waits, and each frame wakes a loop once.
"""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable

from runs.domain.failures import Failure
from runs.executor.attempt.attempt import Attempt, Child, Waiter
from runs.executor.attempt.command import Command
from runs.executor.link.outbox import Outbox
from runs.executor.pace import pace_of
from runs.protocol.frames import AbortChild, ChildUpdate, Enqueue, EnqueueResult, Key, Lease, now_us

ACCEPTED = frozenset({"ok", "already_exists"})
BUSY = "resource_exhausted"
FIRST_BACKOFF_SECONDS = 0.5
LAST_BACKOFF_SECONDS = 10.0

CallLater = Callable[[float, Callable[[], None]], object]
TakeLease = Callable[[Lease, Attempt, Command | None], None]


class Children:
    """The children of all attempts. One lock orders threads of user code and the link's thread."""

    def __init__(
        self, attempts: dict[Key, Attempt], outbox: Outbox, *, call_later: CallLater, take_lease: TakeLease
    ) -> None:
        self._attempts = attempts
        self._outbox = outbox
        self._call_later = call_later  # on the link's thread
        self._take_lease = take_lease
        self._lock = threading.Lock()
        self._woken: list[Waiter] = []  # by the frame that the link is reading
        self._is_stopping = False

    # On threads of user code.

    def submit(
        self,
        parent: Attempt,
        name: str,
        action: bytes,
        command: Command | None,
        *,
        ends_when_accepted: bool = False,
        failure: Failure | None = None,
    ) -> Child:
        """Enqueue a child. Idempotent by name: a retried parent derives the same names."""
        with self._lock:
            child = parent.children.get(name)
            if child is None or not (child.is_settled or child.is_enqueued):
                child = parent.children.setdefault(name, Child())
                child.command = command
                child.enqueue = Enqueue(parent.key.run, parent.key.name, action, failure)
                child.ends_when_accepted = ends_when_accepted
                if parent.is_active:
                    self._send(parent, name, child)
                else:
                    child.problem = ("aborted", "its parent has ended")
        return child

    def _send(self, parent: Attempt, name: str, child: Child) -> None:
        assert child.enqueue is not None
        child.ticket = self._outbox.put(
            child.enqueue, lambda result: self._handle_result(parent, name, child, result)
        )

    @staticmethod
    def find(parent: Attempt, name: str) -> ChildUpdate | None:
        child = parent.children.get(name)
        return child.update if child else None

    async def wait(self, child: Child) -> None:
        """Return when the child has ended or the server has refused it."""
        loop = asyncio.get_running_loop()
        pace_of(loop)
        with self._lock:
            # The link's thread settles children under this lock, so none is missed between the check and the wait.
            if child.is_settled:
                return
            waiter: asyncio.Future[None] = loop.create_future()
            child.waiters.append((loop, waiter))
        await waiter

    def cancel(self, parent: Attempt, name: str) -> None:
        """Code of the parent cancelled the task that awaits this child.

        If no batch has taken its Enqueue, that is withdrawn. Otherwise the server aborts it, even if it does not know it
        yet, because events keep their order. For a parent that has ended no event is sent: the server has aborted its
        descendants already, with the better cause.
        """
        with self._lock:
            child = parent.children.get(name)
            if child is None or child.is_settled:
                return
            if self._outbox.withdraw(child.ticket):
                child.problem = ("cancelled", "cancelled before it was asked for")
            elif parent.is_active and not self._is_stopping:
                self._outbox.put(
                    AbortChild(key=Key(parent.key.run, name), parent=parent.key.name, at=now_us())
                )

    # On the link's thread.

    def stop(self) -> None:
        """The executor stops: abort no children and enqueue none again, because the parents go on elsewhere."""
        self._is_stopping = True

    def _handle_result(self, parent: Attempt, name: str, child: Child, result: EnqueueResult | None) -> None:
        if result is None or result.code in ACCEPTED:
            child.enqueue = None
            child.is_accepted = True
            if result is not None and result.lease is not None:
                self._take_lease(result.lease, parent, child.command)
            child.command = None
            if child.ends_when_accepted:
                self._settle(child)
        elif result.code == BUSY:
            child.refusals += 1
            seconds = min(FIRST_BACKOFF_SECONDS * 2 ** min(child.refusals - 1, 20), LAST_BACKOFF_SECONDS)
            self._call_later(seconds, lambda: self._retry(parent, name, child))
        else:
            child.problem = (result.code, result.message)
            self._settle(child)

    def _retry(self, parent: Attempt, name: str, child: Child) -> None:
        with self._lock:
            if parent.is_active and not self._is_stopping and not child.is_settled:
                self._send(parent, name, child)

    def apply(self, updates: Iterable[ChildUpdate]) -> None:
        """Record the ends of children. A duplicate changes nothing; an end after the parent's wakes nobody."""
        for update in updates:
            parent = self._attempts.get(Key(update.run, update.parent))
            if parent is None or not parent.is_active:
                continue
            with self._lock:
                child = parent.children.setdefault(update.name, Child())
                if child.update is None:
                    child.update = update
                    self._woken += child.waiters
                    child.waiters = []
        self.wake()

    def _settle(self, child: Child) -> None:
        with self._lock:
            self._woken += child.waiters
            child.waiters = []

    def wake(self) -> None:
        """Wake all waiters of the frame that was read, with one call for each loop."""
        by_loop: defaultdict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = defaultdict(list)
        for loop, waiter in self._woken:
            by_loop[loop].append(waiter)
        self._woken = []
        for loop, waiters in by_loop.items():
            try:
                loop.call_soon_threadsafe(pace_of(loop).resolve_all, waiters)
            except RuntimeError:
                pass  # the loop is closed, so nothing waits there any more
