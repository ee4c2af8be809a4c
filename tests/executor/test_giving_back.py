"""A lease that is given back while the link is down."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from runs.executor import frames
from runs.executor.host import Host
from runs.executor.outbox import Outbox


async def test_a_returned_lease_is_held_until_the_server_knows():
    link: Any = SimpleNamespace(outbox=Outbox(lambda: None), call_later=None)
    output: Any = None
    isolation: Any = None
    host = Host(asyncio.get_running_loop(), link, output, isolation)
    run = frames.RunInfo(1, "", "flytesnacks", "development", "r1", "", "", "")
    lease = frames.Lease(frames.Key(1, "a0"), epoch=1, attempt=1, input_uri="", output_uri="")
    host.take(frames.Leases([run], [lease]))

    host.give_back()
    told_again = frames.Leases([], [lease])
    host.take(told_again)
    (entry,) = link.outbox.take()

    assert isinstance(entry.event, frames.Returned)
    assert list(host.held) == [lease.key], (
        "a hello would not speak of it, and the server would lease it again"
    )
    assert not host.held[lease.key].may_speak
    entry.committed(None)
    assert host.held == {}
