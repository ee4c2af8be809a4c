"""The configuration of the flyte client: one text, for `flyteui config`, the page without runs and the home; and which file it reads."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from django.conf import settings


def render(project: str = "", domain: str = "") -> str:
    """What points the client at this server. project, domain: instead of the first ones."""
    # The client signs in by TLS only, and speaks TLS unless it is told otherwise.
    insecure = "" if settings.IS_HTTPS else "  insecure: true\n"
    return (
        f"admin:\n  endpoint: {settings.PUBLIC_URL}\n{insecure}"
        f"image:\n  builder: remote\n"
        f"task:\n  org: flyteui\n  project: {project or settings.DEFAULT_PROJECT}\n  domain: {domain or settings.DOMAINS[0]}\n"
    )


def write() -> Path:
    """The file in the home folder, of `flyteui flyte` and of the lines that pages show."""
    path: Path = settings.HOME / "config.yaml"
    path.write_text(render())
    return path


def command() -> str:
    """How the flyte client is called, to reach this server: on its own machine with the configuration of the home; elsewhere people have one."""
    return (
        shlex.join(["flyte", "--config", str(settings.HOME / "config.yaml")])
        if settings.IS_LOCAL
        else "flyte"
    )


def read_by_client(folder: Path, environment: Mapping[str, str]) -> Path | None:
    """The file that the client reads when it is started in the folder, if there is one. In its order (flyte 2.12; a test compares)."""
    root = next((one for one in (folder, *folder.parents) if (one / ".git").exists()), None)
    home = Path.home()
    places = [
        folder / "config.yaml",
        folder / ".flyte" / "config.yaml",
        *([root / ".flyte" / "config.yaml"] if root else []),
    ]
    if found := next((place for place in places if place.exists()), None):
        return found
    if named := environment.get("UCTL_CONFIG") or environment.get("FLYTECTL_CONFIG"):
        return Path(named)
    rest = (home / ".union" / "config.yaml", home / ".flyte" / "config.yaml")
    return next((place for place in rest if place.exists()), None)
