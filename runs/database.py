"""The one door from async code to the database.

Writes go through one thread, so that SQLite's single writer is never waited for in a lock, and so that an abort waits
for the write before it and for nothing else; reads go through a few threads of their own. Hints that a write's
transaction published leave here, on the event loop, after its commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from django.db import OperationalError, close_old_connections, connection

from runs import events
from runs.errors import Unavailable

P = ParamSpec("P")
R = TypeVar("R")

_writer = ThreadPoolExecutor(1, thread_name_prefix="db-writer")
_readers = ThreadPoolExecutor(4, thread_name_prefix="db-reader")


def _keep_connection() -> None:
    """Use this thread's connection until it breaks: a new one for each call would begin with an empty page cache."""
    close_old_connections()
    connection.ensure_connection()
    connection.close_at = None


def keep_connection() -> None:
    """Use this thread's connection again; open it anew only when it broke.

    CONN_MAX_AGE stays 0, because the threads of HTTP requests come and go. These here stay, and opening a connection for
    each statement would cost more than the statement.
    """
    connection.close_at = None
    connection.close_if_unusable_or_obsolete()


@contextmanager
def translated() -> Iterator[None]:
    """A database that is full, locked by somebody else or out of reach is Unavailable, with its own words."""
    try:
        yield
    except OperationalError as error:
        raise Unavailable(
            f"the database cannot answer now ({error}); nothing was changed, try again"
        ) from error


async def write(operation: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a function of operations.py in the writer thread and send the hints that it published.

    The work is shielded: a client that goes away cannot leave a commit without its hints. Raises Unavailable when the
    database cannot take it; then nothing of it was written.
    """
    return await asyncio.shield(_write(operation, *args, **kwargs))


async def _write(operation: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    def work() -> tuple[R, list[events.Hint]]:
        with translated(), events.collected() as hints:
            _keep_connection()
            return operation(*args, **kwargs), hints

    result, hints = await asyncio.get_running_loop().run_in_executor(_writer, work)
    await events.send(hints)
    return result


async def read(query: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a function of queries in a reader thread. Raises Unavailable when the database does not answer."""

    def work() -> R:
        with translated():
            _keep_connection()
            return query(*args, **kwargs)

    return await asyncio.get_running_loop().run_in_executor(_readers, work)
