"""`python -m tests.advisories`: whether an advisory names a version that requirements.lock pins. `make check` runs it.

Without a network there is nothing to ask: then it says so, and is no reason to fail. What it finds is one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
SECONDS = 300
# Advisories that are looked at and do not concern us, each with the reason.
IGNORED: dict[str, str] = {}


def main() -> int:
    # One first: where the index has no advisories, as mirrors do not, it would be asked for each of some 150 in vain.
    if not was_answered(audit("django==5.2.0")):
        print("advisories: not looked at, because no index of them can be reached")
        return 0
    found = audit(LOCK.read_text())
    if not was_answered(found):
        print("advisories: not looked at, because the index stopped answering")
        return 0
    problems = [
        f"{one['name']} {one['version']}: {vulnerability['id']}, mended in {', '.join(vulnerability['fix_versions']) or 'no version'}"
        for one in found["dependencies"]
        for vulnerability in one.get("vulns", ())
        if vulnerability["id"] not in IGNORED
    ]
    print("\n".join(problems) or "advisories: none names what requirements.lock pins")
    return 1 if problems else 0


def audit(requirements: str) -> dict[str, Any]:
    """pip-audit's report; empty where it could not make one."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(requirements)
        file.flush()
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pip_audit", "--requirement", file.name, "--no-deps", "--disable-pip",
                 "--format", "json", "--progress-spinner", "off", "--timeout", "10"],
                capture_output=True, text=True, timeout=SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return {}
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {}
    return found


def was_answered(found: dict[str, Any]) -> bool:
    """Whether the index knew any of them."""
    return any("skip_reason" not in one for one in found.get("dependencies", ()))


if __name__ == "__main__":
    sys.exit(main())
