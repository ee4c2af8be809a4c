"""The one door from async code to the database.

Writes go through one thread, so that SQLite's single writer is never waited for in a lock, and so that an abort waits
for the write before it and for nothing else; reads go through a few threads of their own. Hints that a write's
transaction published leave here, on the event loop, after its commit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import structlog
from django.db import DataError, OperationalError, close_old_connections, connection

from runs.domain.errors import Invalid, Unavailable
from runs.store import hints

P = ParamSpec("P")
R = TypeVar("R")
log = structlog.get_logger(__name__)

# A write that has waited in line for longer has less time for the lock of SQLite; so much it always has.
LINE_SECONDS = 1.0
LEAST_SECONDS = 0.1

_writer = ThreadPoolExecutor(1, thread_name_prefix="db-writer")
_readers = ThreadPoolExecutor(4, thread_name_prefix="db-reader")


def _keep_connection() -> None:
    """Use this thread's connection until it breaks.

    CONN_MAX_AGE stays 0, because the threads of HTTP requests come and go. These here stay, and a new connection for each
    call would begin with an empty page cache and cost more than the statement.
    """
    close_old_connections()
    connection.ensure_connection()
    connection.close_at = None


@contextmanager
def translated() -> Iterator[None]:
    """Errors of a database as ours.

    One that is full, locked by somebody else or out of reach is Unavailable, with its own message. What no column can hold is
    Invalid: a NUL on PostgreSQL, half of a surrogate pair, a number of more than 64 bits.
    """
    try:
        yield
    except OperationalError as error:
        raise Unavailable(
            f"the database cannot answer now ({error}); nothing was changed, try again"
        ) from error
    except (DataError, OverflowError, UnicodeEncodeError) as error:
        raise Invalid(f"the database cannot hold a value of this request: {error}") from error


@contextmanager
def patience(waited: float) -> Iterator[None]:
    """Let a write wait for the lock of SQLite for what it has not waited in line already, in seconds.

    Else, while somebody else holds the lock, each write in the line would wait its whole time, one after the other, and an
    abort would be refused after minutes.
    """
    if connection.vendor != "sqlite" or waited < LINE_SECONDS:
        yield
        return
    whole = connection.settings_dict["OPTIONS"]["timeout"]
    _set_busy_timeout(max(LEAST_SECONDS, whole - waited))
    try:
        yield
    finally:
        _set_busy_timeout(whole)


def _set_busy_timeout(seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")


async def write(operation: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a function of the engine in the writer thread and send the hints that it published.

    The work is shielded: a client that goes away cannot leave a commit without its hints. Raises Unavailable when the
    database cannot take it; then nothing of it was written.
    """
    work = asyncio.ensure_future(_write(operation, *args, **kwargs))
    work.add_done_callback(_retrieve)
    return await asyncio.shield(work)


def _retrieve(work: asyncio.Future[R]) -> None:
    """Take the error of work whose client has gone meanwhile: nobody else does, and asyncio would log it as ours."""
    if not work.cancelled():
        work.exception()


async def _write(operation: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    asked_at = time.monotonic()

    def work() -> tuple[R, list[hints.Hint]]:
        with translated(), hints.collected() as published:
            _keep_connection()
            with patience(time.monotonic() - asked_at):
                return operation(*args, **kwargs), published

    result, published = await asyncio.get_running_loop().run_in_executor(_writer, work)
    await hints.send(published)
    return result


def write_soon(operation: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Run a function in the writer thread some time; for notes that nobody waits for. From any thread; an error is logged."""
    asked_at = time.monotonic()

    def work() -> None:
        try:
            with translated():
                _keep_connection()
                with patience(time.monotonic() - asked_at):
                    operation(*args, **kwargs)
        except Exception:
            log.exception("a note was not written", operation=getattr(operation, "__name__", ""))

    _writer.submit(work)


async def read(query: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a function of queries in a reader thread. Raises Unavailable when the database does not answer."""

    def work() -> R:
        with translated():
            _keep_connection()
            return query(*args, **kwargs)

    return await asyncio.get_running_loop().run_in_executor(_readers, work)
