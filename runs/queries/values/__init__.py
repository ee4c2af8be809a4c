"""Inputs and outputs of actions, and the files that they name."""

from __future__ import annotations
