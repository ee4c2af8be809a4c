"""Which action somebody means who compares: `project/domain/run/action`, the name of a run, or the address of a page. Pure."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlencode, urlsplit

from runs.domain.errors import Invalid
from runs.domain.names import ROOT, ActionRef, RunRef

MAX_TEXT = 2000
_PAGE = re.compile(r"/v2/domain/([^/]+)/project/([^/]+)/runs/([^/]+)(?:/actions/([^/]+))?")
_NAME = re.compile(r"[\w.-]{1,64}")


def read_compared(text: str, here: RunRef | None = None) -> ActionRef:
    """here: of which project and domain a name alone is. Raises Invalid."""
    text = text.strip()
    if len(text) > MAX_TEXT:
        raise Invalid("what to compare is named in at most 2,000 characters")
    parts = urlsplit(text)
    if found := _PAGE.match(parts.path):
        domain, project, run, action = found.groups()
        asked = action or parse_qs(parts.query).get("action", [ROOT])[0]
        return ActionRef(RunRef(project, domain, run), asked)
    words = text.split("/")
    if len(words) in {1, 2} and here is not None and all(map(_NAME.fullmatch, words)):
        return ActionRef(RunRef(here.project, here.domain, words[0]), words[1] if len(words) > 1 else ROOT)
    if len(words) in {3, 4} and all(map(_NAME.fullmatch, words)):
        return ActionRef(RunRef(*words[:3]), words[3] if len(words) > 3 else ROOT)
    raise Invalid(
        f"{text[:80]!r} names no run: give its name, its address, or project/domain/run, with /action for an action of it"
    )


def write_compared(ref: ActionRef) -> str:
    """As `read_compared` reads it."""
    run = ref.run
    return "/".join([run.project, run.domain, run.name, *([ref.name] if ref.name != ROOT else [])])


def compare_path(a: ActionRef, b: ActionRef | None = None) -> str:
    """The page that compares them; without b, the one that asks with what."""
    query = {"a": write_compared(a)} | ({"b": write_compared(b)} if b else {})
    return f"/compare/?{urlencode(query, safe='/')}"
