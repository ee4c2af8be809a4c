"""Pages and their fragments, one module for each room. Writes go through operations."""

from __future__ import annotations
