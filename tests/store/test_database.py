"""How long a write waits for the lock of the database."""

from __future__ import annotations

import pytest
from django.db import connection

from runs.store import database

pytestmark = pytest.mark.django_db
WHOLE_MS = 20_000


def busy_timeout() -> int:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        return int(cursor.fetchone()[0])


@pytest.mark.skipif(connection.vendor != "sqlite", reason="other databases have no lock of everything")
@pytest.mark.parametrize(
    ("waited", "left_ms"),
    [(0.0, WHOLE_MS), (0.9, WHOLE_MS), (5.0, 15_000), (19.99, 100), (300.0, 100)],
)
def test_a_write_waits_for_the_lock_for_what_it_has_not_waited_in_line(waited: float, left_ms: int):
    with database.patience(waited):
        assert busy_timeout() == left_ms
    assert busy_timeout() == WHOLE_MS


@pytest.mark.skipif(connection.vendor != "sqlite", reason="other databases have no lock of everything")
def test_a_write_that_failed_leaves_the_next_its_whole_time():
    with pytest.raises(ValueError, match="no"), database.patience(30.0):
        raise ValueError("no")
    assert busy_timeout() == WHOLE_MS
