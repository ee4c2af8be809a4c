"""The children of held actions: asking for them, waiting for them, aborting them. Knows no SDK.

Called from any thread: user code waits on its own event loop (or on the SDK's thread for synchronous calls), answers
come on the link's thread. So waiters are futures of the loop that waits, and each frame wakes a loop once.
"""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable

from runs.executor.command import Command
from runs.executor.frames import AbortChild, ChildUpdate, Enqueue, EnqueueResult, Failure, Key, Lease, now_us
from runs.executor.held import Child, Held, Waiter
from runs.executor.outbox import Outbox
from runs.executor.pace import pace_of

ACCEPTED = frozenset({"ok", "already_exists"})
BUSY = "resource_exhausted"
FIRST_BACKOFF_SECONDS = 0.5
LAST_BACKOFF_SECONDS = 10.0

CallLater = Callable[[float, Callable[[], None]], object]
TakeLease = Callable[[Lease, Held, Command | None], None]


class Children:
    """Children of all actions that this process holds."""

    def __init__(
        self, held: dict[Key, Held], outbox: Outbox, *, call_later: CallLater, take_lease: TakeLease
    ) -> None:
        self._held = held
        self._outbox = outbox
        self._call_later = call_later  # on the link's thread
        self._take_lease = take_lease
        self._lock = threading.Lock()
        self._woken: list[Waiter] = []  # of the frame that the link is reading
        self.is_stopping = False

    # User code's side.

    def submit(
        self,
        parent: Held,
        name: str,
        action: bytes,
        command: Command | None,
        *,
        ends_when_accepted: bool = False,
        failure: Failure | None = None,
    ) -> Child:
        """Ask for a child, unless it is known already: a retried parent derives the same names."""
        with self._lock:
            child = parent.children.get(name)
            if child is None or not (child.is_settled or child.is_asked_for):
                child = parent.children.setdefault(name, Child())
                child.command = command
                child.enqueue = Enqueue(parent.key.run, parent.key.name, action, failure)
                child.ends_when_accepted = ends_when_accepted
                if parent.may_speak:
                    self._send(parent, name, child)
                else:
                    child.problem = ("aborted", "its parent has ended")
        return child

    def _send(self, parent: Held, name: str, child: Child) -> None:
        assert child.enqueue is not None
        child.ticket = self._outbox.put(
            child.enqueue, lambda result: self._answered(parent, name, child, result)
        )

    @staticmethod
    def find(parent: Held, name: str) -> ChildUpdate | None:
        child = parent.children.get(name)
        return child.update if child else None

    async def wait(self, child: Child) -> None:
        """Return when the child has ended or was refused."""
        loop = asyncio.get_running_loop()
        pace_of(loop)
        with self._lock:
            # The link's thread settles children under this lock, so none is missed between the check and the wait.
            if child.is_settled:
                return
            waiter: asyncio.Future[None] = loop.create_future()
            child.waiters.append((loop, waiter))
        await waiter

    def cancel(self, parent: Held, name: str) -> None:
        """Code of the parent cancelled the task that awaits this child.

        A child whose Enqueue no batch has taken is never asked for. Otherwise the server aborts it, whether it has heard
        of it yet or not, for events keep their order. Nothing is said for a parent that has ended: the server has aborted
        its descendants already, and knows the better cause.
        """
        with self._lock:
            child = parent.children.get(name)
            if child is None or child.is_settled:
                return
            if self._outbox.withdraw(child.ticket):
                child.problem = ("cancelled", "cancelled before it was asked for")
            elif parent.may_speak and not self.is_stopping:
                self._outbox.put(
                    AbortChild(key=Key(parent.key.run, name), parent=parent.key.name, at=now_us())
                )

    # The link's side.

    def _answered(self, parent: Held, name: str, child: Child, result: EnqueueResult | None) -> None:
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
            self._call_later(seconds, lambda: self._try_again(parent, name, child))
        else:
            child.problem = (result.code, result.message)
            self._settle(child)

    def _try_again(self, parent: Held, name: str, child: Child) -> None:
        with self._lock:
            if parent.may_speak and not self.is_stopping and not child.is_settled:
                self._send(parent, name, child)

    def apply(self, updates: Iterable[ChildUpdate]) -> None:
        """Take the ends of children. A duplicate changes nothing; an end that comes after the parent's wakes nobody."""
        for update in updates:
            parent = self._held.get(Key(update.run, update.parent))
            if parent is None or not parent.may_speak:
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
        """Wake all who waited for what the frame has brought, each loop once."""
        by_loop: defaultdict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = defaultdict(list)
        for loop, waiter in self._woken:
            by_loop[loop].append(waiter)
        self._woken = []
        for loop, waiters in by_loop.items():
            try:
                loop.call_soon_threadsafe(pace_of(loop).resolve_all, waiters)
            except RuntimeError:
                pass  # the loop is closed: nobody waits there any more
