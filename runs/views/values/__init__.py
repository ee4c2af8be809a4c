"""Pages of values: one whole, its files, siblings side by side, two runs compared."""

from __future__ import annotations
