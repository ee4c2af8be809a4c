"""What a task or a run sets for itself by its environment variables, a module for each. Pure."""

from __future__ import annotations
