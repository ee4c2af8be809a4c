"""Proofs that take minutes have a short form, in `make test`, and a long one, in `make test-long`; their tests bear the mark `long`."""

from __future__ import annotations

import os
from typing import TypeVar

T = TypeVar("T")

IS_LONG = os.environ.get("FLYTEUI_TEST_LONG") == "1"


def long_or_short(long: T, short: T) -> T:
    """How much, how many or for how long: a proof is the same in both forms, only its extent differs."""
    return long if IS_LONG else short
