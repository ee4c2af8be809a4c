"""The admin site: shows every table, aborts, and manages members and keys. It changes phases and history through the engine only."""

from __future__ import annotations

from runs.admin import history, keys, members

__all__ = ["history", "keys", "members"]
