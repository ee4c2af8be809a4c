"""Whatever user code says, however long: it arrives, cut where it must be, and nothing waits behind it."""

from __future__ import annotations

from runs.domain.phases import Phase
from runs.protocol import bounds, frames
from tests.executor.conftest import Bench

MB = 1_000_000


def longest(bench: Bench) -> int:
    """The longest event that the server has got, in bytes."""
    return max(len(frames.encode(event)) for event in bench.server.events)


async def test_a_print_of_many_megabytes_arrives_whole(bench: Bench) -> None:
    root = await bench.run("prints_at_once", size=3 * MB)

    assert root.phase is Phase.SUCCEEDED
    assert sum(len(text) for _, text in bench.server.lines("a0")) == 3 * MB
    assert longest(bench) <= bounds.MAX_LINES_BYTES + 100
    assert bench.server.connections == 1


async def test_the_message_of_an_error_is_cut_and_says_so(bench: Bench) -> None:
    root = await bench.run("fails_at_length", size=2 * MB)

    assert root.phase is Phase.FAILED
    assert root.failure is not None
    assert root.failure.code == "ValueError"
    assert "it begins so: é" in root.failure.message
    assert "é and ends so" in root.failure.message
    assert "bytes are left out here" in root.failure.message
    assert len(root.failure.message.encode()) <= bounds.MAX_MESSAGE_BYTES
    assert bench.server.connections == 1


async def test_logging_at_its_loudest_says_nothing_of_the_executors_own_work(bench: Bench) -> None:
    root = await bench.run("logs_everything", n=50)

    assert root.phase is Phase.SUCCEEDED
    text = "".join(text for _, text in bench.server.lines("a0"))
    assert "flyteui-link" not in text
    assert "BINARY" not in text, "a frame that is logged makes the next frame"
    assert len(bench.server.events) < 1000


async def test_where_the_way_to_the_server_takes_little_what_is_sent_becomes_small_enough(
    bench: Bench,
) -> None:
    """As behind a proxy with a limit of its own: nothing has said it before the first frame is refused."""
    await bench.server.stop()
    bench.server.max_frame_bytes = 16_000
    await bench.server.start()

    root = await bench.run("prints_at_once", size=100_000)
    failed = await bench.run("fails_at_length", run=2, size=MB)
    after = await bench.run("nested", run=3, n=4)

    assert (root.phase, failed.phase, after.phase) == (Phase.SUCCEEDED, Phase.FAILED, Phase.SUCCEEDED)
    assert failed.failure is not None
    assert failed.failure.code == "ValueError"
    assert "bytes of this are left out, because the way to the server takes" in failed.failure.message
    assert bench.server.connections > 1


async def test_what_is_refused_by_its_size_holds_up_nothing(bench: Bench) -> None:
    """An Enqueue cannot be cut: its parent gets an error, and everything else goes on."""
    await bench.server.stop()
    bench.server.max_frame_bytes = 16_000
    await bench.server.start()

    root = await bench.run("with_a_large_child", size=100_000)

    assert root.phase is Phase.SUCCEEDED
    assert "takes" in str(await bench.outputs("with_a_large_child", root))
