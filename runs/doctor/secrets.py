"""Secrets that no key of the server decrypts: after a restore without the key, or a change of it without its predecessor.

Short, because the engine finds them, and here is only what to do.
"""

from __future__ import annotations

from collections.abc import Iterator

from runs.doctor.findings import LIMIT, Finding
from runs.engine.secrets import list_unreadable

REMEDY = (
    "give the key that it was encrypted with to the server, as FLYTEUI_SECRET_KEY or in FLYTEUI_SECRET_KEY_FALLBACKS, "
    "or delete the secret and create it anew"
)


def check_secrets() -> Iterator[Finding]:
    """One statement."""
    for ref in list_unreadable()[:LIMIT]:
        yield Finding("secret-unreadable", f"secret {ref} cannot be decrypted", REMEDY)
