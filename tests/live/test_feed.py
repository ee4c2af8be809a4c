"""The order of frames: one under way at a time, and none lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest

from runs.live.feed import BURST, Feed
from runs.protocol.messages import Ack, Hello, decode
from runs.store import database

SECONDS = 5


class Counter(Feed):
    """Shows a number; a frame tells it when it has changed."""

    name = "counter"

    def __init__(self) -> None:
        self.frames: asyncio.Queue[dict] = asyncio.Queue()
        super().__init__(self.keep)
        self.number = 1
        self.told = 0
        self.composed = asyncio.Event()
        self.loop = asyncio.get_running_loop()

    async def keep(self, frame: str) -> None:
        self.frames.put_nowait(json.loads(frame))

    def compose(self) -> str | None:
        content = None if self.told == self.number else str(self.number)
        self.told = self.number
        self.loop.call_soon_threadsafe(self.composed.set)
        return content

    async def next(self) -> str:
        async with asyncio.timeout(SECONDS):
            return (await self.frames.get())["content"]


@pytest.fixture
async def feed(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Counter]:
    # A thread without a database: there is none here.
    monkeypatch.setattr(database, "read", asyncio.to_thread)
    counter = Counter()
    task = asyncio.create_task(counter.run())
    yield counter
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_nothing_is_sent_before_hello(feed: Counter):
    feed.hint()
    await asyncio.sleep(0)

    assert not feed.composed.is_set()


async def test_the_next_frame_waits_for_the_acknowledgement(feed: Counter):
    feed.take(Hello(since=-1))
    assert await feed.next() == "1"

    feed.number = 2
    feed.hint()
    feed.composed.clear()
    await asyncio.sleep(0)
    assert not feed.composed.is_set()

    feed.take(Ack(seq=0))
    assert await feed.next() == "2"


async def test_many_hints_make_one_frame(feed: Counter):
    feed.take(Hello(since=-1))
    await feed.next()
    for number in range(2, 50):
        feed.number = number
        feed.hint()

    feed.take(Ack(seq=0))

    assert await feed.next() == "49"
    assert feed.frames.empty()


async def test_a_lost_hint_is_repaired_by_the_poll(feed: Counter):
    feed.patience = 0.01
    feed.take(Hello(since=-1))
    await feed.next()

    feed.number = 2
    feed.take(Ack(seq=0))

    assert await feed.next() == "2"


async def next_of(feed: Counter) -> dict:
    async with asyncio.timeout(SECONDS):
        return await feed.frames.get()


async def test_frames_are_numbered_and_a_silence_ends_with_a_heartbeat_that_has_no_content(feed: Counter):
    feed.heartbeat = 0.05
    feed.patience = 60.0
    feed.take(Hello(since=-1))
    first = await next_of(feed)
    feed.take(Ack(seq=0))
    heartbeat = await next_of(feed)

    assert (first["number"], heartbeat["number"]) == (1, 2)
    assert (first["content"], first["heartbeat"]) == ("1", 0.05)
    assert "content" not in heartbeat


async def test_a_page_that_throws_a_frame_away_and_says_hello_again_is_answered(feed: Counter):
    feed.take(Hello(since=-1))
    await feed.next()
    assert feed.takes_hello()

    feed.number = 2
    feed.take(Hello(since=-1))

    assert await feed.next() == "2"
    assert feed.takes_hello()
    assert not feed.takes_hello()


def test_unknown_messages_are_refused():
    for text in ("", "[]", '{"kind":"drop"}', '{"kind":"ack"}', '{"kind":"ack","seq":1,"more":2}'):
        with pytest.raises(ValueError):
            decode(text)


async def test_a_click_is_answered_twice_without_a_gap_and_a_storm_is_not(
    feed: Counter, monkeypatch: pytest.MonkeyPatch
):
    """Aborting and aborted come within milliseconds; but no page gets more frames than it can show."""
    monkeypatch.setattr(feed, "_gap", 600.0)
    feed.take(Hello(since=-1))
    for number in range(1, BURST + 1):
        feed.number = number
        feed.hint()
        assert await feed.next() == str(number)
        feed._credit.set()

    feed.composed.clear()
    feed.number = BURST + 1
    feed.hint()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await feed.composed.wait()
