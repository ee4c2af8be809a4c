"""The executor: holds actions as asyncio tasks. Knows no Django and no database; talks to the server by one WebSocket."""

from __future__ import annotations

from pathlib import Path

# The folder in which `python -m runs.executor` finds this package, be it installed or a checkout.
ROOT = Path(__file__).resolve().parents[2]
