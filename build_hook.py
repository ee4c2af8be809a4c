"""Puts the documentation into the wheel, as a site, and joins the scripts and styles of its pages: hatchling calls this when it builds one.

An editable install has neither; `make docs` and `make modules` build those of a checkout.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WheelHook(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "standard":
            return
        subprocess.run([sys.executable, "build_site.py"], cwd=self.root, check=True)
        # Without what that needs the wheel is whole, too.
        subprocess.run([sys.executable, "join_pages.py"], cwd=self.root, check=False)
        build_data["force_include"][str(Path(self.root) / "build" / "site")] = "flyteui/site"
