"""The executor's and the worker's sockets, spoken to in frames."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.utils import timezone

from runs.domain.errors import FlyteUIError, Invalid, LeaseLost, Unavailable
from runs.domain.failures import Failure
from runs.domain.names import ROOT, ActionRef
from runs.domain.phases import Cause, Phase
from runs.engine import leases
from runs.engine.aborts import request_abort
from runs.engine.executors import scheduling
from runs.models import Action, Executor
from runs.protocol import bounds, frames, worker_frames
from runs.protocol.constants import BAD_MESSAGE, SUPERSEDED
from runs.sockets.executors import ExecutorConsumer
from runs.sockets.workers import WorkerConsumer
from runs.store import database
from tests.sockets.conftest import SECONDS, Peer, keeping_house, open_executor, open_worker
from tests.support.scene import Scene

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("consumer", [ExecutorConsumer, WorkerConsumer])
@pytest.mark.parametrize("headers", [[], [(b"authorization", b"Bearer wrong")], [(b"authorization", b"")]])
async def test_without_the_token_there_is_no_socket_that_could_take_a_frame(consumer, headers):
    peer = WebsocketCommunicator(consumer.as_asgi(), "/", headers=headers)

    is_accepted, _ = await peer.connect(timeout=SECONDS)

    assert not is_accepted


@pytest.mark.parametrize("data", [b"\xc1", b"nonsense", frames.encode(frames.Batch(1, []))])
async def test_what_is_no_frame_or_comes_before_hello_closes_the_socket(data):
    peer = Peer(ExecutorConsumer)
    await peer.connect(timeout=SECONDS)
    await peer.send_to(bytes_data=data)

    assert await peer.closed_with() == BAD_MESSAGE
    await peer.disconnect()


async def test_an_executor_that_was_given_up_is_told_to_stop(scene: Scene):
    await Executor.objects.filter(pk=scene.executor_id).aupdate(state=Executor.State.GONE)
    peer = Peer(ExecutorConsumer)
    await peer.connect(timeout=SECONDS)
    hello = scene.hello(scene.executor_id, scene.epoch)
    await peer.say(hello)

    assert await peer.closed_with() == SUPERSEDED
    await peer.disconnect()


async def test_a_run_travels_from_lease_to_end_over_the_socket(scene: Scene):
    peer = await open_executor(scene)
    leases = await peer.hear(frames.Leases)
    assert [(lease.key.name, lease.attempt) for lease in leases.leases] == [(ROOT, 1)]
    assert leases.runs[0].name == scene.ref.name

    started = frames.Started(scene.key(), 1, frames.now_us())
    child = scene.message("child").SerializeToString()
    await peer.say(frames.Batch(1, [started, frames.Enqueue(scene.run.pk, ROOT, child)]))
    ack = await peer.hear(frames.Ack)
    assert (ack.seq, ack.results[0].code) == (1, "ok")
    assert ack.results[0].lease is not None
    ended = frames.Finished(scene.key("child"), 1, frames.now_us(), "succeeded")
    await peer.say(frames.Batch(2, [frames.Started(scene.key("child"), 1, frames.now_us()), ended]))
    children = await peer.hear(frames.Children)
    await peer.say(frames.Batch(3, [frames.Finished(scene.key(), 1, frames.now_us(), "succeeded")]))
    # The update of batch 2 may have overtaken its acknowledgement.
    while (await peer.hear(frames.Ack)).seq != 3:
        pass

    assert [(update.name, update.phase) for update in children.updates] == [("child", Phase.SUCCEEDED)]
    assert set((await sync_to_async(scene.phases)()).values()) == {Phase.SUCCEEDED}
    await peer.disconnect()


async def test_an_abort_reaches_the_executor_by_a_hint_and_not_by_the_poll(scene: Scene, monkeypatch):
    monkeypatch.setattr("runs.sockets.frame_socket.POLL_SECONDS", 600.0)
    peer = await open_executor(scene)
    await peer.hear(frames.Leases)

    await database.write(request_abort, ActionRef(scene.ref), reason="enough", actor="ann")
    cancels = (await peer.hear(frames.Cancels)).cancels

    assert [(cancel.key.name, cancel.note.reason, cancel.note.actor) for cancel in cancels] == [
        (ROOT, "enough", "ann")
    ]
    await peer.disconnect()


async def test_a_lost_hint_is_repaired_by_the_poll(scene: Scene, monkeypatch):
    monkeypatch.setattr("runs.sockets.frame_socket.POLL_SECONDS", 0.1)
    peer = await open_executor(scene)
    await peer.hear(frames.Leases)

    # Not through the door: nobody sends the hints of this transaction.
    monkeypatch.setattr("runs.store.hints._emit", lambda hint: None)
    await sync_to_async(scene.abort)()

    assert [cancel.key.name for cancel in (await peer.hear(frames.Cancels)).cancels] == [ROOT]
    await peer.disconnect()


async def test_what_was_not_delivered_is_told_again_after_a_reconnect(scene: Scene):
    first = await open_executor(scene)
    await first.hear(frames.Leases)
    await database.write(request_abort, ActionRef(scene.ref), reason="enough", actor="ann")
    await first.hear(frames.Cancels)
    await first.disconnect()

    second = await open_executor(scene)

    assert [cancel.key.name for cancel in (await second.hear(frames.Cancels)).cancels] == [ROOT]
    await second.disconnect()


async def test_a_limit_that_passes_cancels_without_any_poll(scene: Scene, monkeypatch):
    monkeypatch.setattr("runs.sockets.frame_socket.POLL_SECONDS", 600.0)
    peer = await open_executor(scene)
    await peer.hear(frames.Leases)

    await Action.objects.filter(run=scene.run).aupdate(due_at=timezone.now() + timedelta(seconds=0.3))
    async with keeping_house():
        cancel = (await peer.hear(frames.Cancels)).cancels[0]

    assert (cancel.key.name, cancel.note.cause, cancel.note.actor) == (ROOT, Cause.TIMEOUT, "flyteui")
    await peer.disconnect()


async def test_a_retry_whose_wait_is_over_is_leased_without_any_poll(scene: Scene, monkeypatch):
    monkeypatch.setattr("runs.sockets.frame_socket.POLL_SECONDS", 600.0)
    due = timezone.now() + timedelta(seconds=0.5)
    await Action.objects.filter(run=scene.run).aupdate(not_before=due)
    peer = await open_executor(scene)

    async with keeping_house():
        lease = (await peer.hear(frames.Leases)).leases[0]

    assert lease.key.name == ROOT
    assert timezone.now() >= due
    await peer.disconnect()


async def test_a_frame_of_the_server_is_no_longer_than_a_batch(scene: Scene):
    peer = await open_executor(scene)
    await peer.hear(frames.Leases)
    names = [f"child{number}" for number in range(40)]
    asked = [frames.Enqueue(scene.run.pk, ROOT, scene.message(name).SerializeToString()) for name in names]
    failure = Failure("ValueError", "x" * bounds.MAX_MESSAGE_BYTES)
    await peer.say(frames.Batch(1, [frames.Started(scene.key(), 1, frames.now_us()), *asked]))
    await peer.hear(frames.Ack)
    ends: list[frames.Event] = [
        frames.Finished(scene.key(name), 1, frames.now_us(), "failed", failure) for name in names
    ]
    await peer.say(frames.Batch(2, ends))

    told: set[str] = set()
    while len(told) < len(names):
        data = await peer.receive_from(timeout=SECONDS)
        assert len(data) <= bounds.BATCH_BYTES + bounds.FRAME_OVERHEAD
        assert isinstance(data, bytes)
        frame = frames.decode_to_executor(data)
        if isinstance(frame, frames.Children):
            told |= {update.name for update in frame.updates}
    await peer.disconnect()


async def test_force_is_told_after_the_abort_was_delivered(scene: Scene, monkeypatch):
    monkeypatch.setattr("runs.sockets.frame_socket.POLL_SECONDS", 600.0)
    peer = await open_executor(scene)
    await peer.hear(frames.Leases)
    abort = partial(request_abort, ActionRef(scene.ref), reason="enough", actor="ann")
    await database.write(abort)
    await peer.hear(frames.Cancels)
    await peer.say(frames.Batch(1, [frames.Delivered(scene.key(), 1, frames.now_us())]))
    await peer.hear(frames.Ack)

    await database.write(partial(abort, force=True))

    assert [cancel.is_forced for cancel in (await peer.hear(frames.Cancels)).cancels] == [True]
    await peer.disconnect()


@pytest.mark.parametrize(("code", "failures"), [(frames.LEFT, 0), (frames.STOPPED, 0), (0, 1), (-9, 1)])
async def test_what_was_leased_to_an_executor_that_was_about_to_leave_runs_again_uncharged(
    scene: Scene, code: int, failures: int
):
    """It got the lease after its last event, and has not answered any more."""
    await sync_to_async(leases.lease_queued)(scene.executor_id, scene.epoch, 1)
    worker = await open_worker("w", str(scene.executor_id))
    await worker.say(worker_frames.Exited(str(scene.executor_id), code))
    await worker.hear(worker_frames.ExitKnown, worker_frames.decode_to_worker)

    action = await Action.objects.aget(name=ROOT)
    assert (action.phase, action.executor_id, action.system_failures) == (Phase.QUEUED, None, failures)
    await worker.disconnect(timeout=SECONDS)


@pytest.mark.parametrize(
    "error", [Unavailable("the disk is full"), Invalid("no column holds it"), LeaseLost("it was given up")]
)
async def test_a_socket_ends_with_its_peer_whatever_of_that_cannot_be_written(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, error: FlyteUIError
):
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(leases, "disconnect_executor", fail)
    monkeypatch.setattr(scheduling, "forget_worker", fail)
    executor, worker = Peer(ExecutorConsumer), Peer(WorkerConsumer)
    await executor.connect()
    await worker.connect()
    await executor.say(await sync_to_async(scene.hello)(scene.executor_id, 1))
    await worker.say(worker_frames.WorkerHello("w1", "host", 1))
    await executor.hear(frames.Welcome)

    for peer in (executor, worker):
        await peer.disconnect(timeout=SECONDS)

        assert peer.future.done()
        assert peer.future.exception() is None
