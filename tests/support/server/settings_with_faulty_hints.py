"""The product's settings, but for how hints travel."""

from __future__ import annotations

from flyteui.settings import *  # noqa: F403

CHANNEL_LAYERS = {"default": {"BACKEND": "tests.support.server.faulty_hints.FaultyLayer"}}
