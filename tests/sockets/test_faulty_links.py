"""What a link may do to frames, on real sockets of the consumer: doubled, late, lost, of an older connection (law 11)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from asgiref.sync import sync_to_async
from django.db import connection

from runs.domain.names import ROOT, ActionRef
from runs.domain.phases import Phase
from runs.engine import leases
from runs.engine.aborts import request_abort
from runs.models import Action, Attempt, Executor, LogChunk
from runs.protocol import frames
from runs.protocol.constants import BAD_MESSAGE, SUPERSEDED, TRY_AGAIN
from runs.store import database
from tests.sockets.conftest import Peer, open_executor
from tests.support.scene import Scene

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def scene() -> Scene:
    return await sync_to_async(Scene)()


async def say(peer: Peer, seq: int, *events: frames.Event) -> frames.Ack:
    """Send a batch and return its acknowledgement."""
    await peer.say(frames.Batch(seq, list(events)))
    while (ack := await peer.hear(frames.Ack)).seq != seq:
        pass
    return ack


async def phases(scene: Scene) -> dict[str, Phase]:
    return await sync_to_async(scene.phases)()


def started(scene: Scene, name: str = ROOT, epoch: int = 1) -> frames.Started:
    return frames.Started(scene.key(name), epoch, frames.now_us())


def finished(scene: Scene, name: str = ROOT, epoch: int = 1) -> frames.Finished:
    return frames.Finished(scene.key(name), epoch, frames.now_us(), "succeeded")


async def test_a_batch_that_comes_twice_on_one_socket_is_applied_once_and_answered_twice(scene: Scene):
    peer = await open_executor(scene)
    await peer.hear(frames.Leases)
    asked = await sync_to_async(scene.enqueue)("child")

    first = await say(peer, 1, started(scene), asked)
    second = await say(peer, 1, started(scene), asked)

    assert [result.code for result in first.results] == ["ok"]
    assert [result.code for result in second.results] == ["already_exists"]
    # The same lease: the first answer may be the one that was lost.
    assert first.results[0].lease is not None
    assert second.results[0].lease is not None
    assert first.results[0].lease.epoch == second.results[0].lease.epoch == 1
    assert await Attempt.objects.filter(action__name="child").acount() == 1
    await peer.disconnect()


async def test_a_batch_that_skips_one_closes_the_socket_and_changes_nothing(scene: Scene):
    peer = await open_executor(scene)
    await peer.hear(frames.Leases)

    await peer.say(frames.Batch(2, [started(scene), finished(scene)]))

    assert await peer.closed_with() == BAD_MESSAGE
    assert await phases(scene) == {ROOT: Phase.INITIALIZING}
    await peer.disconnect()


async def test_a_second_hello_on_one_socket_closes_it(scene: Scene):
    peer = await open_executor(scene)
    await peer.hear(frames.Leases)

    await peer.say(scene.hello(scene.executor_id, scene.epoch))

    assert await peer.closed_with() == BAD_MESSAGE
    await peer.disconnect()


async def test_what_an_older_socket_says_late_is_refused(scene: Scene):
    """The server may not have noticed yet that the first link is dead; its last frames must not count any more."""
    old = await open_executor(scene)
    await old.hear(frames.Leases)
    await say(old, 1, started(scene))
    new = await open_executor(scene)

    await old.say(frames.Batch(2, [finished(scene)]))

    assert await old.closed_with() == SUPERSEDED
    assert await phases(scene) == {ROOT: Phase.RUNNING}
    await say(new, 2, finished(scene))
    assert await phases(scene) == {ROOT: Phase.SUCCEEDED}
    await old.disconnect()
    await new.disconnect()


async def test_the_end_of_an_older_socket_does_not_disconnect_the_newer(scene: Scene):
    old = await open_executor(scene)
    new = await open_executor(scene)

    await old.disconnect()

    executor = await Executor.objects.aget(pk=scene.executor_id)
    assert (executor.state, executor.epoch) == (Executor.State.CONNECTED, scene.epoch)
    await new.disconnect()


async def test_results_of_work_that_was_given_to_another_executor_are_refused(scene: Scene):
    old = await open_executor(scene)
    await old.hear(frames.Leases)
    await say(old, 1, started(scene))

    await database.write(leases.end_executor, scene.executor_id, "it has not been heard of for 600 s")
    scene.executor_id, scene.epoch = await sync_to_async(scene.connect)()
    await database.write(leases.lease_queued, scene.executor_id, scene.epoch, 10)
    await old.say(frames.Batch(2, [finished(scene)]))

    assert await old.closed_with() == SUPERSEDED
    root = await Action.objects.aget(name=ROOT)
    assert (Phase(root.phase), root.executor_id, root.lease_epoch) == (
        Phase.INITIALIZING,
        scene.executor_id,
        2,
    )
    await old.disconnect()


async def test_a_report_of_an_older_lease_changes_nothing_on_the_right_socket(scene: Scene):
    peer = await open_executor(scene)
    await peer.hear(frames.Leases)
    await say(peer, 1, started(scene), frames.Finished(scene.key(), 1, frames.now_us(), "interrupted"))
    lease = (await peer.hear(frames.Leases)).leases[0]
    assert lease.epoch == 2

    await say(peer, 2, finished(scene, epoch=1), started(scene, epoch=1))

    assert await phases(scene) == {ROOT: Phase.INITIALIZING}
    await peer.disconnect()


async def test_an_abort_that_is_told_twice_is_delivered_once(scene: Scene):
    peer = await open_executor(scene)
    await peer.hear(frames.Leases)
    await database.write(request_abort, ActionRef(scene.ref), reason="enough", actor="ann")
    await peer.hear(frames.Cancels)
    told = frames.Delivered(scene.key(), 1, frames.now_us())

    await say(peer, 1, told)
    first = await Action.objects.aget(name=ROOT)
    await say(peer, 1, told)
    await say(peer, 2, finished(scene))

    root = await Action.objects.aget(name=ROOT)
    assert root.delivered_at == first.delivered_at
    assert Phase(root.phase) is Phase.ABORTED
    await peer.disconnect()


@pytest.fixture
async def full_disk() -> AsyncIterator[Callable[[bool], Awaitable[None]]]:
    """Give the writer's database no page more than it has, or as many as it wants again."""

    def limit(is_full: bool) -> None:
        with connection.cursor() as cursor:
            if is_full:
                cursor.execute("VACUUM")  # pages that earlier tests have freed would take what comes
            cursor.execute(f"PRAGMA max_page_count = {1 if is_full else 2**30}")  # never fewer than there are

    async def change(is_full: bool) -> None:
        await database.write(limit, is_full)

    yield change
    await change(False)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite can be given a limit of pages")
async def test_a_full_database_takes_all_of_a_batch_later_and_nothing_of_it_now(
    scene: Scene, full_disk: Callable[[bool], Awaitable[None]]
):
    peer = await open_executor(scene)
    await peer.hear(frames.Leases)
    said: list[frames.Event] = [
        started(scene),
        frames.LogLines(scene.key(), 1, [(1, "out", "x" * 1_000_000)]),
    ]

    await full_disk(True)
    await peer.say(frames.Batch(1, said))
    assert await peer.closed_with() == TRY_AGAIN
    assert await phases(scene) == {ROOT: Phase.INITIALIZING}
    await peer.disconnect()
    await full_disk(False)
    again = await open_executor(scene)
    await say(again, 1, *said)

    assert await phases(scene) == {ROOT: Phase.RUNNING}
    assert await LogChunk.objects.acount() == 1
    await again.disconnect()
