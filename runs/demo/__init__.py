"""Demonstration runs: made of scripts, which an executor without user code runs. For `flyteui demo`, tests and benchmarks."""

from __future__ import annotations
