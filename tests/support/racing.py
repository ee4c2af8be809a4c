"""Two real database connections at once."""

from __future__ import annotations

import threading
from collections.abc import Callable

from django.db import connection


def race(*contenders: Callable[[], object]) -> list[object]:
    """Run each in a thread with a database connection of its own, all let go at the same instant."""
    barrier = threading.Barrier(len(contenders))
    results: list[object] = [None] * len(contenders)

    def run(index: int, contender: Callable[[], object]) -> None:
        connection.ensure_connection()
        barrier.wait(10)
        try:
            results[index] = contender()
        except Exception as error:
            results[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(contenders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results
