"""The socket of a worker, spoken to in frames: what it is asked for, and what it tells."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import sync_to_async

from runs.domain.names import ActionRef
from runs.domain.phases import Escalation, Phase
from runs.domain.retries import MAX_SYSTEM_FAILURES
from runs.domain.specs import read_task_spec
from runs.engine.aborts import request_abort
from runs.engine.executors import heartbeats
from runs.models import Action, Executor, Pool
from runs.protocol import frames, worker_frames
from runs.protocol.constants import BAD_MESSAGE
from runs.sockets.workers import WorkerConsumer
from runs.store import database, presence
from tests.sockets.conftest import SECONDS, Peer, keeping_house, open_executor, open_worker
from tests.support.scene import Scene, task_spec
from tests.support.server.server import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


async def until_connected(workers: int) -> None:
    await asyncio.to_thread(
        wait_until, lambda: presence.workers_connected() == workers, f"{workers} workers", SECONDS
    )


async def test_a_worker_is_asked_to_start_an_executor_for_a_pool_that_has_none(scene: Scene):
    worker = Peer(WorkerConsumer)
    await worker.connect(timeout=SECONDS)
    await worker.say(worker_frames.WorkerHello("worker-1", "host", 1))
    task = read_task_spec(task_spec("env.other", bundle="file:///another.tgz"))
    await sync_to_async(scene.create_run)(task)

    launch = await worker.hear(worker_frames.Launch, worker_frames.decode_to_worker)

    assert launch.bundle_uri == "file:///another.tgz"
    assert presence.workers_connected() == 1
    executor = await Executor.objects.aget(pk=launch.executor)
    assert (executor.state, executor.worker) == (Executor.State.STARTING, "worker-1")
    await worker.say(worker_frames.Exited(launch.executor, -9))
    again = await worker.hear(worker_frames.Launch, worker_frames.decode_to_worker)
    assert again.executor != launch.executor
    await worker.disconnect()
    assert presence.workers_connected() == 0


async def test_a_worker_that_says_hello_again_under_another_name_is_gone_under_both():
    worker = await open_worker("first")

    await worker.say(worker_frames.WorkerHello("second", "host", 1))

    assert await worker.closed_with() == BAD_MESSAGE
    await worker.disconnect()
    assert presence.workers_connected() == 0


async def test_a_worker_is_asked_for_an_executor_in_reserve(scene: Scene, settings):
    settings.KEEP_RESERVE = True
    worker = await open_worker()

    launch = await worker.hear(worker_frames.Launch, worker_frames.decode_to_worker)

    assert (launch.is_reserve, launch.pool) == (True, scene.pool.key)
    assert not await Executor.objects.filter(pk=launch.executor, runs__isnull=False).aexists()
    await worker.disconnect()


async def test_a_worker_that_leaves_is_asked_for_nothing_more_and_another_one_is(scene: Scene):
    leaving, other = await open_worker("leaving"), await open_worker("other")
    await until_connected(2)
    await leaving.say(worker_frames.WorkerLeaving())
    await leaving.say(worker_frames.WorkerLeaving())
    await until_connected(1)

    task = read_task_spec(task_spec("env.other", bundle="file:///another.tgz"))
    await sync_to_async(scene.create_run)(task)
    launch = await other.hear(worker_frames.Launch, worker_frames.decode_to_worker)

    assert (await Executor.objects.aget(pk=launch.executor)).worker == "other"
    assert await leaving.receive_nothing()
    await other.disconnect()
    await leaving.say(worker_frames.Exited(launch.executor, 0, "its worker is being stopped"))
    assert (
        await leaving.hear(worker_frames.ExitKnown, worker_frames.decode_to_worker)
    ).executor == launch.executor
    assert (await Executor.objects.aget(pk=launch.executor)).state == Executor.State.GONE
    await leaving.disconnect()
    assert presence.workers_connected() == 0


async def test_a_worker_is_told_to_end_an_executor_that_cannot_stop_an_action(scene: Scene, monkeypatch):
    monkeypatch.setattr("runs.sockets.frame_socket.POLL_SECONDS", 600.0)
    await Executor.objects.filter(pk=scene.executor_id).aupdate(worker="worker-1")
    peer, worker = await open_executor(scene), Peer(WorkerConsumer)
    await worker.connect(timeout=SECONDS)
    running = [str(scene.executor_id)]
    await worker.say(worker_frames.WorkerHello("worker-1", "host", 1, running))
    await peer.hear(frames.Leases)
    await database.write(request_abort, ActionRef(scene.ref), reason="enough", actor="ann")
    refusing = frames.Refusing(scene.key(), 1, frames.now_us(), int(Escalation.PROCESS), "its stack", 0)
    await peer.say(frames.Batch(1, [frames.Started(scene.key(), 1, frames.now_us()), refusing]))

    stop = await worker.hear(worker_frames.StopExecutor, worker_frames.decode_to_worker)

    assert stop.executor == str(scene.executor_id)
    assert await sync_to_async(scene.phase)() is Phase.RUNNING
    await worker.say(worker_frames.Exited(stop.executor, -9, "killed by SIGKILL"))
    await worker.disconnect()
    assert await sync_to_async(scene.phase)() is Phase.ABORTED
    await peer.disconnect()


async def test_an_executor_that_only_connects_is_ended_by_its_worker_and_its_work_waits_again(
    scene: Scene, monkeypatch
):
    """As with a frame that never gets through: it says hello again and again, and nothing after it arrives."""
    monkeypatch.setattr(heartbeats, "UNPROVED_SECONDS", 1.0)
    await Executor.objects.filter(pk=scene.executor_id).aupdate(worker="worker-1")
    worker = await open_worker("worker-1", str(scene.executor_id))
    peer = await open_executor(scene)
    await peer.hear(frames.Leases)

    async with keeping_house():
        stop = asyncio.ensure_future(worker.hear(worker_frames.StopExecutor, worker_frames.decode_to_worker))
        while not stop.done():
            await peer.disconnect()
            peer = await open_executor(scene)
        asked = await stop

    assert asked.executor == str(scene.executor_id)
    assert "no batch of events has come through" in asked.reason
    await worker.say(worker_frames.Exited(asked.executor, -9, "killed by SIGKILL"))
    await worker.disconnect()
    assert await sync_to_async(scene.phase)() is Phase.QUEUED
    await peer.disconnect()


async def test_why_a_pool_starts_slower_is_kept(scene: Scene):
    worker = await open_worker("w")
    for _ in range(2):  # over each connection
        await worker.say(worker_frames.SlowPool(scene.pool.key, "importing its modules starts threads"))
    await worker.say(worker_frames.SlowPool("unknown", "x"))

    def kept() -> str:
        return Pool.objects.get(pk=scene.pool.pk).slow_start

    await sync_to_async(wait_until)(kept, "it is written down", SECONDS)
    assert await sync_to_async(kept)() == "importing its modules starts threads"
    await worker.disconnect(timeout=SECONDS)


async def test_a_worker_says_what_environments_it_has(scene: Scene):
    worker = await open_worker()

    await worker.say(worker_frames.Environments([worker_frames.StoredEnvironment("aa11", 5)]))
    await asyncio.to_thread(
        wait_until, lambda: presence.list_environments() == {("host", "aa11"): 5}, "it is known", SECONDS
    )

    await worker.disconnect()
    assert presence.list_environments() == {}


async def test_an_executor_that_cannot_start_in_its_environment_is_tried_a_few_times(scene: Scene):
    worker = await open_worker()
    task = read_task_spec(task_spec("env.other", bundle="file:///another.tgz"))
    ref = await sync_to_async(scene.create_run)(task)

    for _ in range(MAX_SYSTEM_FAILURES + 1):
        launch = await worker.hear(worker_frames.Launch, worker_frames.decode_to_worker)
        await worker.say(worker_frames.Exited(launch.executor, worker_frames.UNUSABLE, "build it again"))
        await worker.hear(worker_frames.ExitKnown, worker_frames.decode_to_worker)

    root = await Action.objects.aget(run__name=ref.name, parent=None)
    assert (root.phase, root.error_message) == (Phase.FAILED, "build it again (tried 4 times)")
    await worker.disconnect()
