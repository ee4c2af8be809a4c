"""Demonstration runs: made of scripts, played by an executor that has no user code. For a first look, tests and benchmarks."""

from __future__ import annotations
