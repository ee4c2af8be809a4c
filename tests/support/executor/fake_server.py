"""A server in the test's own process: speaks frames over a real WebSocket and keeps actions in memory.

It does what an executor can see of the real one, so that tests of the executor need no database.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus

from flyteidl2.actions import actions_service_pb2
from flyteidl2.task import task_definition_pb2
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from runs.domain.failures import Failure
from runs.domain.phases import TERMINAL, Phase
from runs.domain.specs import read_task_spec
from runs.protocol import frames
from runs.protocol.bounds import MAX_FRAME_BYTES
from runs.protocol.frames import AbortNote, Key
from tests.support.nets import NET_SECONDS

OUTCOMES = {
    "succeeded": Phase.SUCCEEDED,
    "failed": Phase.FAILED,
    "lost": Phase.FAILED,
    "cancelled": Phase.ABORTED,
}


@dataclass
class FakeAction:
    key: Key
    parent: str
    spec: bytes
    input_uri: str
    output_uri: str
    phase: Phase = Phase.QUEUED
    epoch: int = 0
    attempt: int = 1
    failure: Failure | None = None
    note: AbortNote | None = None
    is_known_there: bool = True  # the executor sent the spec itself
    children: list[frames.ChildUpdate] = field(default_factory=list)


class FakeServer:
    def __init__(self) -> None:
        self.runs: dict[int, frames.RunInfo] = {}
        self.actions: dict[Key, FakeAction] = {}
        self.below: dict[Key, list[Key]] = {}
        self.tokens: list[str] = []
        self.is_token_right = True
        self.max_frame_bytes = MAX_FRAME_BYTES  # set it before `start`
        self.hellos: list[frames.Hello] = []
        self.events: list[frames.Event] = []
        self.batches: list[int] = []
        self.acked = 0
        self.kill: list[Key] = []
        self.idle_seconds = 300.0
        self.grace_seconds = 30.0
        self.leases_alone = False
        self.secrets: dict[str, bytes] = {}  # by key
        self.problems: dict[str, Failure] = {}  # why an action may not begin, by its name
        self.refuse: dict[str, str] = {}  # task's name -> code of the refusal
        self.lose_ack_of: type[frames.Event] | None = None  # of the next batch with such an event
        self.connections = 0
        self.problem: Exception | None = None
        self._changed = asyncio.Condition()
        self._socket: ServerConnection | None = None
        self._server: Server | None = None
        self._sent_runs: set[int] = set()

    async def start(self) -> None:
        self._server = await serve(
            self._serve, "127.0.0.1", 0, max_size=self.max_frame_bytes, compression=None,
            process_request=self._look_at_token,
        )  # fmt: skip

    def _look_at_token(self, connection: ServerConnection, request: Request) -> Response | None:
        self.tokens.append(request.headers["Authorization"])
        return None if self.is_token_right else connection.respond(HTTPStatus.FORBIDDEN, "")

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        assert self._server is not None
        port = next(iter(self._server.sockets)).getsockname()[1]
        return f"ws://127.0.0.1:{port}/ws/executor/"

    # What a test does.

    def create(self, key: Key, spec: bytes, input_uri: str, output_uri: str) -> FakeAction:
        action = FakeAction(key, "", spec, input_uri, output_uri, is_known_there=False)
        self.actions[key] = action
        return action

    async def lease(self, *actions: FakeAction) -> None:
        leases = [self._lease(action) for action in actions]
        await self._send(frames.Leases(runs=self._unsent(actions), leases=leases))

    async def abort(self, key: Key, note: AbortNote) -> None:
        await self.abort_all([key], note)

    async def abort_all(self, keys: Iterable[Key], note: AbortNote) -> None:
        """In one frame."""
        cancels = [cancel for key in keys for cancel in self._abort(key, note, include=True)]
        await self._send(frames.Cancels(cancels))

    async def force(self, key: Key, note: AbortNote) -> None:
        """Ask for the end of one action without grace, whether it was asked before or not."""
        action = self.actions[key]
        action.note = action.note or note
        await self._send(frames.Cancels([frames.Cancel(key, action.epoch, note, is_forced=True)]))

    async def push(self, message: frames.ToExecutor) -> None:
        await self._send(message)

    async def drop(self, code: int = 1001) -> None:
        assert self._socket is not None
        await self._socket.close(code)

    async def until(self, holds: Callable[[], object], what: str = "") -> None:
        try:
            async with asyncio.timeout(NET_SECONDS), self._changed:
                await self._changed.wait_for(holds)
        except TimeoutError:
            phases = {str(action.key.name): action.phase.name for action in self.actions.values()}
            if self.problem is not None:
                raise self.problem from None
            raise AssertionError(f"it did not happen: {what}; {phases}; {self.events[-20:]}") from None

    async def until_connected(self, times: int = 1) -> None:
        await self.until(lambda: self.connections >= times and self._socket, f"connection {times}")

    async def until_ended(self, key: Key) -> FakeAction:
        await self.until(lambda: self.actions[key].phase in TERMINAL, f"the end of {key.name}")
        return self.actions[key]

    def of(self, parent: str, run: int = 1) -> list[FakeAction]:
        return [a for a in self.actions.values() if a.parent == parent and a.key.run == run]

    def lines(self, name: str, run: int = 1) -> list[tuple[str, str]]:
        return [
            (stream, text)
            for event in self.events
            if isinstance(event, frames.LogLines) and event.key == Key(run, name)
            for _, stream, text in event.lines
        ]

    # What the server does.

    async def _serve(self, socket: ServerConnection) -> None:
        try:
            hello = frames.decode_from_executor(await socket.recv(decode=False))
            assert isinstance(hello, frames.Hello)
            self._sent_runs.clear()
            await socket.send(
                frames.encode(frames.Welcome(1, self.acked, self.kill, self.grace_seconds, self.idle_seconds))
            )
            await self._repeat_news(socket)
            await self._change(lambda: self._connected(hello, socket))
            while True:
                batch = frames.decode_from_executor(await socket.recv(decode=False))
                assert isinstance(batch, frames.Batch)
                await self._take(batch)
        except ConnectionClosed:
            pass
        except Exception as problem:
            self.problem = problem
            raise
        finally:
            await self._change(lambda: self._disconnected(socket))

    async def _repeat_news(self, socket: ServerConnection) -> None:
        """All that the executor is to know: it may have been lost with the link."""
        ended = [update_of(a) for a in self.actions.values() if a.parent and a.phase in TERMINAL]
        asked = [
            frames.Cancel(a.key, a.epoch, a.note)
            for a in self.actions.values()
            if a.note and a.phase not in {*TERMINAL, Phase.QUEUED}
        ]
        if ended:
            await socket.send(frames.encode(frames.Children(ended)))
        if asked:
            await socket.send(frames.encode(frames.Cancels(asked)))

    def _connected(self, hello: frames.Hello, socket: ServerConnection) -> None:
        self.hellos.append(hello)
        self.connections += 1
        self._socket = socket

    def _disconnected(self, socket: ServerConnection) -> None:
        if self._socket is socket:
            self._socket = None

    async def _change(self, change: Callable[[], None]) -> None:
        async with self._changed:
            change()
            self._changed.notify_all()

    async def _send(self, message: frames.ToExecutor) -> None:
        assert self._socket is not None
        await self._socket.send(frames.encode(message))

    async def _take(self, batch: frames.Batch) -> None:
        is_new = batch.seq > self.acked
        self.batches.append(batch.seq)
        results: list[frames.EnqueueResult] = []
        updates: list[frames.ChildUpdate] = []
        cancels: list[frames.Cancel] = []
        for index, event in enumerate(batch.events):
            if isinstance(event, frames.Enqueue):
                results.append(self._enqueue(index, event))
            elif is_new:
                self._apply(event, updates, cancels)
        if is_new:
            self.acked = batch.seq
            self.events += batch.events
        if self.lose_ack_of and any(isinstance(event, self.lose_ack_of) for event in batch.events):
            self.lose_ack_of = None
            assert self._socket is not None
            await self._socket.close(1011)
            return
        await self._send(frames.Ack(batch.seq, results))
        if updates:
            await self._send(frames.Children(updates))
        if cancels:
            await self._send(frames.Cancels(cancels))
        await self._change(lambda: None)

    def _enqueue(self, index: int, event: frames.Enqueue) -> frames.EnqueueResult:
        message = actions_service_pb2.Action.FromString(event.action)
        key = Key(event.run, message.action_id.name)
        parent = self.actions[Key(event.run, event.parent)]
        if (known := self.actions.get(key)) is not None:
            # As the real server: the answer with the lease may have been lost.
            is_leased = known.phase is Phase.INITIALIZING
            return frames.EnqueueResult(
                index, "already_exists", lease=self._frame(known) if is_leased else None
            )
        if parent.phase in TERMINAL or parent.note:
            return frames.EnqueueResult(index, "aborted", "the parent has ended")
        if code := self.refuse.pop(message.task.id.name, ""):
            return frames.EnqueueResult(index, code, "as the test wants it")
        base = self.runs[event.run].base_uri
        action = self.actions[key] = FakeAction(
            key,
            event.parent,
            message.task.spec.SerializeToString(),
            message.input_uri,
            f"{base}/{key.name}/1",
        )
        self.below.setdefault(parent.key, []).append(key)
        if message.HasField("trace"):
            action.phase = Phase(message.trace.phase)
            return frames.EnqueueResult(index, "ok")
        return frames.EnqueueResult(index, "ok", lease=self._lease(action))

    def _lease(self, action: FakeAction) -> frames.Lease:
        action.epoch += 1
        action.phase = Phase.INITIALIZING
        return self._frame(action)

    def _frame(self, action: FakeAction) -> frames.Lease:
        return frames.Lease(
            action.key,
            action.epoch,
            action.attempt,
            action.input_uri,
            action.output_uri,
            b"" if action.is_known_there else action.spec,
            children=action.children,
            is_alone=self.leases_alone,
            secrets=[
                frames.SecretValue(asked.key, asked.variable, self.secrets[asked.key])
                for asked in read_task_spec(action.spec).secrets
                if asked.key in self.secrets
            ],
            problem=self.problems.get(action.key.name),
        )

    def _unsent(self, actions: tuple[FakeAction, ...]) -> list[frames.RunInfo]:
        new = {action.key.run for action in actions} - self._sent_runs
        self._sent_runs |= new
        return [self.runs[run] for run in new]

    def _apply(
        self, event: frames.Event, updates: list[frames.ChildUpdate], cancels: list[frames.Cancel]
    ) -> None:
        match event:
            case frames.Started(key=key):
                self.actions[key].phase = Phase.RUNNING
            case frames.Finished(key=key, outcome="interrupted"):
                self.actions[key].phase = Phase.QUEUED
            case frames.Finished(key=key):
                action = self.actions[key]
                action.phase = Phase.ABORTED if action.note else OUTCOMES[event.outcome]
                action.failure = event.failure
                if action.parent:
                    updates.append(update_of(action))
                cause = "parent ended" if action.parent else "root ended"
                cancels += self._abort(
                    key, AbortNote(cause, "", cause, key.name, frames.now_us()), include=False
                )
            case frames.AbortChild(key=key, parent=parent):
                note = AbortNote("cancelled by parent", parent, "cancelled by its parent", key.name, event.at)
                cancels += self._abort(key, note, include=True)
            case frames.Returned(key=key):
                self.actions[key].phase = Phase.QUEUED
                self.actions[key].is_known_there = False

    def _abort(self, key: Key, note: AbortNote, *, include: bool) -> list[frames.Cancel]:
        below = [key]
        for above in below:
            below += self.below.get(above, [])
        cancels = []
        for action in (self.actions[k] for k in below[0 if include else 1 :] if k in self.actions):
            if action.phase not in TERMINAL and action.note is None:
                action.note = note
                if action.phase is Phase.QUEUED:
                    action.phase = Phase.ABORTED
                else:
                    cancels.append(frames.Cancel(action.key, action.epoch, note))
        return cancels


def update_of(action: FakeAction) -> frames.ChildUpdate:
    return frames.ChildUpdate(
        action.key.run,
        action.parent,
        action.key.name,
        action.phase,
        action.output_uri if action.phase is Phase.SUCCEEDED else "",
        action.failure,
        action.note if action.phase is Phase.ABORTED else None,
    )


def names(spec: bytes) -> str:
    """The task's name in a serialised TaskSpec."""
    return task_definition_pb2.TaskSpec.FromString(spec).task_template.id.name


def count_by_phase(actions: list[FakeAction]) -> dict[str, int]:
    counts: defaultdict[str, int] = defaultdict(int)
    for action in actions:
        counts[action.phase.name] += 1
    return dict(counts)
