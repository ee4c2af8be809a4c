"""How long a test waits for what must come. No verdict: a net for what never comes, on a machine that does much else."""

from __future__ import annotations

NET_SECONDS = 120.0
NET_MS = 120_000
"""The same, as Playwright counts; `expect` waits so long unless told otherwise (tests/e2e/conftest.py)."""
