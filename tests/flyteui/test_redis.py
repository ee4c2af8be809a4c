"""Hints by way of Redis, where the machine has one."""

from __future__ import annotations

import asyncio

import pytest
import redis
from channels_redis.core import RedisChannelLayer

from flyteui.settings import REDIS_HOST

QUIET_SECONDS = 6.0  # channels-redis waits for 5 s at a time
URL = "redis://localhost/0"


@pytest.fixture
def layer() -> RedisChannelLayer:
    try:
        redis.Redis.from_url(URL, socket_timeout=5).ping()
    except redis.RedisError as error:
        pytest.skip(f"there is no Redis here: {error}")
    return RedisChannelLayer(hosts=[{**REDIS_HOST, "address": URL}])


async def test_a_silence_is_no_error(layer: RedisChannelLayer):
    channel = await layer.new_channel()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(layer.receive(channel), QUIET_SECONDS)

    waiting = asyncio.create_task(layer.receive(channel))
    await layer.send(channel, {"type": "hint"})

    assert (await waiting)["type"] == "hint"
    await layer.close_pools()
