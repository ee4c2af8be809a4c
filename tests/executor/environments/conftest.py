"""The server that a worker believes in.

Short, because it only shares what tests of the worker have.
"""

from __future__ import annotations

from tests.executor.worker.conftest import control

__all__ = ["control"]
