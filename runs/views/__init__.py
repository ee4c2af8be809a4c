"""Pages and their fragments, a module for each subject (routes: flyteui/urls.py). Writes go through the engine."""

from __future__ import annotations
