"""Each page fits its window; on demand (`make screenshots`) it is also the pictures of the documents.

They are docs/screenshots/<name>-<scheme>[-narrow].png, of demonstrations whose seed makes them the same each time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page

from tests.e2e.server import ROOT
from tests.e2e.states import Places, State, show_dialog

FOLDER = ROOT / "docs" / "screenshots"
IS_WANTED = os.environ.get("FLYTEUI_SCREENSHOTS") == "1"
PICTURES = [
    State("runs", "{runs}"),
    State("run", "{ended}"),
    State("action", "{scene}?action=a0-refusing"),
    State("abort", "{scene}", show_dialog(".run-actions [data-abort]")),
    State("executors", "/executors/"),
    State("empty", "{runs}", on="idle"),
]
SIZES = {"": (1280, 800), "-narrow": (390, 780), "-narrowest": (320, 640)}


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_each_page_fits_its_window(
    still_page: Page, places: Places, picture: State, scheme: Literal["light", "dark"], size: str
):
    width, height = SIZES[size]
    still_page.set_viewport_size({"width": width, "height": height})
    still_page.emulate_media(color_scheme=scheme)

    places.show(still_page, picture)

    assert still_page.evaluate("document.documentElement.scrollWidth") <= width
    if IS_WANTED and size != "-narrowest":
        take(still_page, FOLDER / f"{picture.name}-{scheme}{size}.png")


def take(page: Page, file: Path) -> None:
    """The picture, with a palette of 256 colours where pngquant is installed: a third of the size."""
    page.screenshot(path=file, animations="disabled", caret="hide")
    if quant := shutil.which("pngquant"):
        command = [quant, "--force", "--skip-if-larger", "--strip", "--output", str(file), str(file)]
        subprocess.run(command, check=False, timeout=60)
