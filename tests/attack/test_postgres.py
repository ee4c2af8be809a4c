"""What only a real PostgreSQL can prove: the attacks on values, in a process of pytest of their own whose database is one.

Where libpq finds a server (PGHOST, PGUSER, … or its defaults) that lets us make a database.
"""

from __future__ import annotations

import os
import subprocess
import sys

import psycopg
import pytest

from tests.support.long import IS_LONG
from tests.support.server.server import ROOT

DATABASE = "postgres:///postgres"
FILES = [
    "tests/attack/test_nul.py",
    "tests/engine/test_strange_events.py",
    *(["tests/attack/test_fuzz.py"] if IS_LONG else []),
]


@pytest.fixture
def server() -> None:
    if "FLYTEUI_TEST_DATABASE_URL" in os.environ:
        pytest.skip("all tests have a database of their own choice now")
    try:
        with psycopg.connect("dbname=postgres", connect_timeout=5) as connection:
            (may_create,) = connection.execute(
                "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
            ).fetchone() or (False,)
    except psycopg.OperationalError as error:
        pytest.skip(f"there is no PostgreSQL here: {error}")
    if not may_create:
        pytest.skip("the PostgreSQL here lets us make no database")


@pytest.mark.long
@pytest.mark.processes
@pytest.mark.timeout(5400 if IS_LONG else 600)
def test_values_that_postgresql_does_not_take_are_no_errors_of_ours(server: None):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *FILES],
        cwd=ROOT, env={**os.environ, "FLYTEUI_TEST_DATABASE_URL": DATABASE}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
