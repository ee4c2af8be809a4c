"""The configuration of the flyte client: its text, and which file the client reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from django.conf import settings


def render() -> str:
    """What leads the client to this server."""
    insecure = "" if settings.IS_HTTPS else "  insecure: true\n"
    return (
        f"admin:\n  endpoint: {settings.PUBLIC_URL}\n{insecure}"
        f"image:\n  builder: remote\n"
        f"task:\n  org: flyteui\n  project: {settings.DEFAULT_PROJECT}\n  domain: {settings.DOMAINS[0]}\n"
    )


def write() -> Path:
    """The file in the home folder, of `flyteui flyte` and of the lines that pages show."""
    path: Path = settings.HOME / "config.yaml"
    path.write_text(render())
    return path


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
