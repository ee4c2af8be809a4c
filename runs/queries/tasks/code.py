"""The code that an action runs: the files of its bundle, and where its task begins in them."""

from __future__ import annotations

from dataclasses import dataclass

from runs.domain.errors import Invalid, NotFound
from runs.domain.specs import TaskFacts, read_task_spec
from runs.domain.tasks.bundles import (
    MAX_PACKED,
    NO_CODE,
    OF_DEMONSTRATIONS,
    Bundle,
    CodeFile,
    Entry,
    find_file,
    find_line,
    read_entry,
)
from runs.models import Action
from runs.store import storage


@dataclass(frozen=True, slots=True)
class Code:
    """The files of a bundle, and the one that is shown: its text, None where it has none that can be shown, and the line in which
    the task begins in it. file: None, and line: 0, when they are not found.
    """

    task: str
    uri: str
    entry: Entry
    files: tuple[CodeFile, ...]
    file: CodeFile | None
    text: str | None
    line: int


def read_code(run_id: int, action: str, name: str = "") -> Code:
    """name: of the file to show, instead of the task's. One statement.

    Raises NotFound for what has no code or no such file, Invalid for a bundle that cannot be shown.
    """
    return _read(_get_facts(run_id, action), f"action {action!r}", name)


def read_code_of(spec: bytes, name: str = "") -> Code:
    """Of a task that is deployed, by its TaskSpec; as read_code. No statement."""
    facts = read_task_spec(spec)
    if not facts.bundle_uri:
        raise NotFound(f"task {facts.name!r} has no code that was sent with it")
    return _read(facts, f"task {facts.name!r}", name)


def _read(facts: TaskFacts, what: str, name: str) -> Code:
    """what: of which it is the code, for errors."""
    if facts.is_pickled:
        raise Invalid(
            f"the code of {facts.name} was sent pickled, as from a notebook: it has no files to show"
        )
    bundle = Bundle(_read_archive(facts, what))
    entry = read_entry(facts.args)
    own = find_file(bundle.files, entry)
    file = next((one for one in bundle.files if one.name == name), None) if name else own
    if name and file is None:
        raise NotFound(f"the code bundle of {what} has no file {name[:200]!r}")
    text = bundle.read_text(file.name) if file else None
    line = find_line(text, entry.name) if text and file == own else 0
    return Code(facts.name, facts.bundle_uri, entry, tuple(bundle.files), file, text, line)


def read_archive(run_id: int, action: str) -> tuple[str, bytes]:
    """The name of the bundle's file, and its content. One statement. Raises as read_code."""
    facts = _get_facts(run_id, action)
    return facts.bundle_uri.rsplit("/", 1)[-1], _read_archive(facts, f"action {action!r}")


def _get_facts(run_id: int, action: str) -> TaskFacts:
    found = Action.objects.filter(run_id=run_id, name=action).values_list("spec__spec", flat=True).first()
    facts = read_task_spec(bytes(found)) if found else None
    if facts is None or not facts.bundle_uri:
        raise NotFound(f"action {action[:80]!r} has no code that was sent with it")
    return facts


def _read_archive(facts: TaskFacts, what: str) -> bytes:
    if facts.bundle_uri == OF_DEMONSTRATIONS:
        raise NotFound(f"{what} has no code to show: {NO_CODE}")
    size = storage.find_size(facts.bundle_uri)
    if size is not None and size > MAX_PACKED:
        raise Invalid(f"the code bundle has {size:,} bytes; up to {MAX_PACKED:,} are shown")
    content = None if size is None else storage.read_bytes(facts.bundle_uri)
    if content is None:
        raise NotFound(f"the code bundle of {what} is not kept any more")
    return content
