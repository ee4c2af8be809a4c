"""The report of an action: a page of HTML that its task wrote (flyte.report), which must never be trusted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runs.domain.errors import Invalid, NotFound
from runs.queries.panels import Panel
from runs.store import storage

FILE = "report.html"
MAX_BYTES = 20_000_000
MAX_LOOKED_AT = 5  # folders of attempts, newest first


@dataclass(frozen=True, slots=True)
class Report:
    """A report that exists."""

    uri: str
    size: int

    @property
    def is_too_large(self) -> bool:
        return self.size > MAX_BYTES


def find_report(panel: Panel) -> Report | None:
    """The newest report of the action's attempts, or None. No statement."""
    if panel.kind != "task":
        return None
    return find_in([panel.output_uri, *(line.output_uri for line in reversed(panel.attempts))])


def find_in(folders: Iterable[str]) -> Report | None:
    """The first report in these folders of outputs, of which some may be "". No statement."""
    for folder in [folder for folder in dict.fromkeys(folders) if folder][:MAX_LOOKED_AT]:
        uri = storage.join(folder, FILE)
        size = _find_size(uri)
        if size is not None:
            return Report(uri, size)
    return None


def _find_size(uri: str) -> int | None:
    try:
        return storage.find_size(uri)
    except Invalid:  # written when the storage was elsewhere
        return None


def read_report(panel: Panel) -> bytes:
    """Its content. Raises NotFound, and Invalid when it is too large to be shown."""
    report = find_report(panel)
    content = storage.read_bytes(report.uri) if report and not report.is_too_large else None
    if report and report.is_too_large:
        raise Invalid(f"the report has {report.size:,} bytes; up to {MAX_BYTES:,} are shown")
    if content is None:
        raise NotFound(f"action {panel.name!r} has no report")
    return content
