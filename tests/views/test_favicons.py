"""The icon of the tab: one for each look of a run."""

from __future__ import annotations

import re
from pathlib import Path

from runs.domain.status import STATUS_LABELS

STATIC = Path(__file__).resolve().parents[2] / "static"
# What waits for something has one icon.
QUEUED = {"queued", "waiting-for-resources", "retrying"}


def test_every_look_but_those_that_wait_has_an_icon_of_its_own_or_a_like_one():
    source = (STATIC / "js" / "page" / "favicon.js").read_text()
    table = source.partition("const ICONS = {")[2].partition("}")[0]
    icons = dict(re.findall(r'"?([a-z-]+)"?: "([a-z-]+)"', table))

    assert set(icons) == set(STATUS_LABELS) - QUEUED
    assert {f"{icon}.svg" for icon in {*icons.values(), "queued"}} == {
        file.name for file in (STATIC / "favicons").iterdir()
    }
