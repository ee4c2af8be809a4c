"""An executor that a test plays, with all that its link and its host remember: what it holds, and what it has not said yet.

It is honest: it reports only what its real twin (runs/executor) would. What it says may be lost, come late or come twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from uuid import UUID

from runs import batches, leases
from runs.errors import LeaseLost
from runs.executor import frames
from runs.executor.frames import Key
from runs.queries import link


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
class Hand:
    """One action that it holds."""

    epoch: int
    stage: Stage = Stage.WAITING
    is_cancelled: bool = False
    children: list[str] = field(default_factory=list)


@dataclass
class Played:
    """granted: who got which lease, of all executors of the test."""

    id: UUID
    pool: str
    granted: dict[tuple[Key, int], UUID]
    capacity: int = 4
    epoch: int = 0
    seq: int = 0
    is_alive: bool = True
    is_linked: bool = False
    hands: dict[Key, Hand] = field(default_factory=dict)
    outbox: list[frames.Event] = field(default_factory=list)
    in_flight: frames.Batch | None = None

    @property
    def is_quiet(self) -> bool:
        """Nothing is on its way, so that server and executor must agree."""
        return self.is_alive and self.is_linked and not self.outbox and self.in_flight is None

    def holding(self, *stages: Stage) -> list[tuple[Key, Hand]]:
        return [(key, hand) for key, hand in sorted(self.hands.items()) if hand.stage in stages]

    # --- the link -----------------------------------------------------------------------------------------------

    def connect(self, *, is_welcome_lost: bool = False) -> None:
        """Say hello; when the server has given it up, it stops."""
        held = [frames.Held(key, hand.epoch) for key, hand in self.hands.items()]
        hello = frames.Hello("token", str(self.id), self.pool, self.epoch, "host", 1, self.capacity, held)
        try:
            connected = leases.connect_executor(hello)
        except LeaseLost:
            self.die()
            return
        if is_welcome_lost:
            return
        self.epoch, self.is_linked = connected.epoch, True
        for key in connected.kill:
            self.hands.pop(key, None)
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
        self.hands, self.outbox, self.in_flight = {}, [], None

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
            hand = self.hands.get(event.key)
            if hand is not None and hand.epoch == event.epoch:
                del self.hands[event.key]

    # --- what it is told ----------------------------------------------------------------------------------------

    def take(self, given: Iterable[frames.Lease]) -> None:
        for lease in given:
            owner = self.granted.setdefault((lease.key, lease.epoch), self.id)
            assert owner == self.id, f"{lease.key} with epoch {lease.epoch} was leased to two executors"
            hand = self.hands.get(lease.key)
            if hand is None or hand.epoch < lease.epoch:
                self.hands[lease.key] = Hand(lease.epoch)

    def hear(self) -> None:
        """Take in all that the server has to tell since the beginning; a cancel is carried out once."""
        runs = dict.fromkeys(link.list_runs_held(self.id), 0)
        changes, offer = link.get_news(self.id, runs)
        for cancel in changes.cancels:
            hand = self.hands.get(cancel.key)
            if hand and hand.epoch == cancel.epoch and not hand.is_cancelled and hand.stage is not Stage.OVER:
                hand.is_cancelled = True
                self.say(frames.Delivered(cancel.key, cancel.epoch, frames.now_us()))
        if offer.is_draining and not self.hands:
            self.cut(is_noticed=True)
            self.die()

    # --- what its code does -------------------------------------------------------------------------------------

    def start(self, key: Key, hand: Hand) -> None:
        hand.stage = Stage.RUNNING
        self.say(frames.Started(key, hand.epoch, frames.now_us()))

    def finish(self, key: Key, hand: Hand, outcome: str, failure: frames.Failure | None = None) -> None:
        hand.stage = Stage.OVER
        self.say(frames.Finished(key, hand.epoch, frames.now_us(), outcome, failure))

    def give_back(self, key: Key, hand: Hand) -> None:
        hand.stage = Stage.OVER
        self.say(frames.Returned(key, hand.epoch))

    def interrupt(self) -> None:
        """An orderly stop: nothing goes on here."""
        for key, hand in self.holding(Stage.WAITING):
            self.give_back(key, hand)
        for key, hand in self.holding(Stage.RUNNING):
            self.finish(key, hand, "cancelled" if hand.is_cancelled else "interrupted")
