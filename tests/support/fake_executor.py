"""An executor played by a test, with what its link and its host remember: the actions it holds and the events it has not sent.

It is honest: it reports only what its real twin (runs/executor) would. What it says may be lost, come late or come twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from uuid import UUID

from runs.domain.errors import LeaseLost
from runs.domain.failures import Failure
from runs.engine import batches, leases, news
from runs.protocol import frames
from runs.protocol.frames import Key


class Fate(Enum):
    """What becomes of something that is sent."""

    ARRIVES = auto()
    ANSWER_LOST = auto()  # it is applied, and the link breaks before the answer
    LOST = auto()  # the link breaks before it is there


class Stage(Enum):
    WAITING = auto()
    RUNNING = auto()
    OVER = auto()  # its end is said, and not acknowledged


@dataclass
class HeldAction:
    """One action that it holds."""

    epoch: int
    stage: Stage = Stage.WAITING
    is_cancelled: bool = False
    children: list[str] = field(default_factory=list)


@dataclass
class FakeExecutor:
    """granted: who got which lease, of all executors of the test."""

    id: UUID
    pool: str
    granted: dict[tuple[Key, int], UUID]
    capacity: int = 4
    epoch: int = 0
    seq: int = 0
    is_alive: bool = True
    is_linked: bool = False
    held: dict[Key, HeldAction] = field(default_factory=dict)
    outbox: list[frames.Event] = field(default_factory=list)
    in_flight: frames.Batch | None = None

    @property
    def is_quiet(self) -> bool:
        """Nothing is on its way, so that server and executor must agree."""
        return self.is_alive and self.is_linked and not self.outbox and self.in_flight is None

    def holding(self, *stages: Stage) -> list[tuple[Key, HeldAction]]:
        return [(key, action) for key, action in sorted(self.held.items()) if action.stage in stages]

    # --- the link -----------------------------------------------------------------------------------------------

    def connect(self, *, is_welcome_lost: bool = False) -> None:
        """Say hello; when the server has given it up, it stops."""
        held = [frames.Held(key, action.epoch) for key, action in self.held.items()]
        hello = frames.Hello(str(self.id), self.pool, self.epoch, "host", 1, self.capacity, held)
        try:
            connected = leases.connect_executor(hello)
        except LeaseLost:
            self.die()
            return
        if is_welcome_lost:
            return
        self.epoch, self.is_linked = connected.epoch, True
        for key in connected.kill:
            self.held.pop(key, None)
        self.take(connected.missing)
        if self.in_flight is not None:
            self.send(self.in_flight, Fate.ARRIVES)

    def cut(self, *, is_noticed: bool) -> None:
        """The link breaks. The server may hear of it now, or when the executor is back already."""
        self.is_linked = False
        if is_noticed:
            leases.disconnect_executor(self.id, self.epoch)

    def die(self) -> None:
        self.is_alive = self.is_linked = False
        self.held, self.outbox, self.in_flight = {}, [], None

    def say(self, *events: frames.Event) -> None:
        self.outbox += events

    def flush(self, fate: Fate = Fate.ARRIVES) -> None:
        """Send what has gathered, as one batch."""
        if self.is_linked and self.in_flight is None and self.outbox:
            self.seq += 1
            self.in_flight, self.outbox = frames.Batch(self.seq, self.outbox), []
            self.send(self.in_flight, fate)

    def send(self, batch: frames.Batch, fate: Fate) -> None:
        if fate is not Fate.LOST:
            try:
                applied = batches.apply_batch(self.id, self.epoch, batch)
            except LeaseLost:
                self.die()
                return
        if fate is not Fate.ARRIVES:
            self.cut(is_noticed=fate is Fate.LOST)
            return
        self.in_flight = None
        results = {result.index: result for result in applied.results}
        for index, event in enumerate(batch.events):
            self.acknowledged(event, results.get(index))

    def acknowledged(self, event: frames.Event, result: frames.EnqueueResult | None) -> None:
        if isinstance(event, frames.Enqueue):
            assert result is not None, "an Enqueue was not answered"
            assert result.code in {"ok", "already_exists", "aborted"}, result
            if result.lease is not None:
                self.take([result.lease])
        elif isinstance(event, frames.Finished | frames.Returned):
            action = self.held.get(event.key)
            if action is not None and action.epoch == event.epoch:
                del self.held[event.key]

    # --- what the server tells it ----------------------------------------------------------------------------------------

    def take(self, given: Iterable[frames.Lease]) -> None:
        for lease in given:
            owner = self.granted.setdefault((lease.key, lease.epoch), self.id)
            assert owner == self.id, f"{lease.key} with epoch {lease.epoch} was leased to two executors"
            action = self.held.get(lease.key)
            if action is None or action.epoch < lease.epoch:
                self.held[lease.key] = HeldAction(lease.epoch)

    def take_news(self) -> None:
        """Take in all that the server has to tell since the beginning; a cancel is carried out once."""
        runs = dict.fromkeys(news.list_runs_held(self.id), 0)
        changes, offer = news.get_news(self.id, runs)
        for cancel in changes.cancels:
            action = self.held.get(cancel.key)
            if (
                action
                and action.epoch == cancel.epoch
                and not action.is_cancelled
                and action.stage is not Stage.OVER
            ):
                action.is_cancelled = True
                self.say(frames.Delivered(cancel.key, cancel.epoch, frames.now_us()))
        if offer.is_draining and not self.held:
            self.cut(is_noticed=True)
            self.die()

    # --- what its code does -------------------------------------------------------------------------------------

    def start(self, key: Key, action: HeldAction) -> None:
        action.stage = Stage.RUNNING
        self.say(frames.Started(key, action.epoch, frames.now_us()))

    def finish(self, key: Key, action: HeldAction, outcome: str, failure: Failure | None = None) -> None:
        action.stage = Stage.OVER
        self.say(frames.Finished(key, action.epoch, frames.now_us(), outcome, failure))

    def give_back(self, key: Key, action: HeldAction) -> None:
        action.stage = Stage.OVER
        self.say(frames.Returned(key, action.epoch))

    def interrupt(self) -> None:
        """An orderly stop: nothing goes on here."""
        for key, action in self.holding(Stage.WAITING):
            self.give_back(key, action)
        for key, action in self.holding(Stage.RUNNING):
            self.finish(key, action, "cancelled" if action.is_cancelled else "interrupted")
