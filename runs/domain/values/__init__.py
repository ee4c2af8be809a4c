"""Inputs and outputs as people read them: their types as Python writes them, what is in them, tables. Pure.

All of it comes from user code: nothing is executed, no pickle is opened, and every size is bounded.
"""

from __future__ import annotations
