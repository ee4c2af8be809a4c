"""A package of user code that is named like ours."""

from __future__ import annotations

WHOSE = "own runs package"
