"""The clients of the API, as its own tests have them."""

from __future__ import annotations

from tests.api.conftest import api, storage_folder, web

__all__ = ["api", "storage_folder", "web"]  # fixtures
