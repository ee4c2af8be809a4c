"""`make test-pythons`: the quick tests, and a run with an abort, on each Python from 3.11.4 on that uv finds on this machine.

Each has an environment of its own under build/pythons, with what requirements.lock pins.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UV = Path(sys.executable).with_name("uv")
OLDEST = (3, 11, 4)
ENVIRONMENTS = ROOT / "build" / "pythons"
# A server, the client, a run with an abort, an orderly stop and what goes on after it.
SMOKE = ["tests/e2e/server/test_up.py", "-k", "client_can_be_gone or goes_on_at_the_next_start"]


def main() -> int:
    """Returns the exit code; says which versions were there, and which failed."""
    found = find_pythons()
    failed = [version for version, python in found.items() if not passes(version, python)]
    print(
        f"Python {', '.join(found) or '(none)'}: {'failed on ' + ', '.join(failed) if failed else 'all passed'}"
    )
    return 1 if failed or not found else 0


def find_pythons() -> dict[str, str]:
    """The newest of each minor version, by its number: the path of its interpreter."""
    # pyenv's programs on the path refuse to start for versions that are not chosen.
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    path = os.pathsep.join([*map(str, sorted(pyenv.glob("*/bin"))), os.environ["PATH"]])
    listed = subprocess.run(
        [UV, "python", "list", "--only-installed", "--output-format", "json"],
        capture_output=True, check=True, env={**os.environ, "PATH": path},
    )  # fmt: skip
    return newest(json.loads(listed.stdout))


def newest(listed: list[dict[str, str]]) -> dict[str, str]:
    best: dict[tuple[int, ...], tuple[tuple[int, ...], str]] = {}
    for one in listed:
        if one["implementation"] != "cpython" or not one["version"].replace(".", "").isdecimal():
            continue  # PyPy, and versions before their release
        version = tuple(int(part) for part in one["version"].split("."))
        minor = version[:2]
        if version >= OLDEST and "+freethreaded" not in one["key"] and version > best.get(minor, ((), ""))[0]:
            best[minor] = (version, one["path"])
    return {".".join(map(str, version)): path for version, path in (best[minor] for minor in sorted(best))}


def passes(version: str, python: str) -> bool:
    print(f"== Python {version}", flush=True)
    environment = ENVIRONMENTS / version
    own = environment / "bin" / "python"
    steps: list[list[str | Path]] = [
        [UV, "venv", "--quiet", "--allow-existing", "--python", python, environment],
        [UV, "pip", "sync", "--quiet", "--python", own, "requirements.lock"],
        [UV, "pip", "install", "--quiet", "--python", own, "--no-deps", "--no-build-isolation", "-e", "."],
        [own, "-m", "pytest", "-q", "-n", "3", "--ignore", "tests/e2e", "-m", "not processes"],
        [own, "-m", "pytest", "-q", "-n", "0", "-p", "no:randomly", *SMOKE],
    ]
    return all(subprocess.run(step, cwd=ROOT, check=False).returncode == 0 for step in steps)


if __name__ == "__main__":
    sys.exit(main())
