"""A lease that is given back while the link is down."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from runs.executor.link.outbox import Outbox
from runs.executor.loop.host import Host
from runs.protocol import frames


async def test_a_returned_lease_is_held_until_the_server_knows():
    link: Any = SimpleNamespace(outbox=Outbox(lambda: None), call_later=None)
    nothing: Any = None
    host = Host(
        asyncio.get_running_loop(),
        link,
        nothing,
        nothing,
        variables={},
        processes=1,
        on_end=lambda: None,
        on_last_step=lambda: None,
    )
    run = frames.RunInfo(1, "", "flytesnacks", "development", "r1", "", "", "")
    lease = frames.Lease(frames.Key(1, "a0"), epoch=1, attempt=1, input_uri="", output_uri="")
    host.take(frames.Leases([run], [lease]))

    host.set_blocked(None)
    told_again = frames.Leases([], [lease])
    host.take(told_again)
    (entry,) = link.outbox.take()

    assert isinstance(entry.event, frames.Returned)
    assert list(host.attempts) == [lease.key], (
        "a hello would not speak of it, and the server would lease it again"
    )
    assert not host.attempts[lease.key].is_active
    entry.committed(None)
    assert host.attempts == {}
