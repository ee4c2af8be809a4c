"""Puts the documentation into the wheel, as a site: hatchling calls this when it builds one.

An editable install has none; `make docs` builds that of a checkout.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class SiteHook(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "standard":
            return
        subprocess.run([sys.executable, "build_site.py"], cwd=self.root, check=True)
        build_data["force_include"][str(Path(self.root) / "build" / "site")] = "flyteui/site"
