"""Where the files are that are no Python: beside the packages in a checkout, inside of this one where flyteui is installed.

And where a server keeps its own when FLYTEUI_HOME does not say so.
"""

from __future__ import annotations

from pathlib import Path

import platformdirs

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent
# A wheel brings the templates into the package (pyproject.toml, force-include).
IS_INSTALLED = (PACKAGE / "templates").is_dir()


def folder_of(name: str) -> Path:
    """name: templates, static or examples; or site, the documentation, which a checkout has once `make docs` has built it."""
    if IS_INSTALLED:
        return PACKAGE / name
    return ROOT / "build" / name if name == "site" else ROOT / name


def default_home() -> Path:
    """The data folder of the user, or `.flyteui` in the checkout."""
    return (
        Path(platformdirs.user_data_path("flyteui", appauthor=False)) if IS_INSTALLED else ROOT / ".flyteui"
    )
