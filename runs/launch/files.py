"""Files for inputs: what a form or the command line brings, put into the storage beside what the client uploads.

The address is made of the content, so the same file given twice is the same input, and the cache knows it. Refuses what is
larger than the client may upload.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.conf import settings
from flyteidl2.core import interface_pb2

from runs.domain.addresses.storage import is_local
from runs.domain.errors import FlyteUIError, Invalid
from runs.domain.forms.fields import FILE, FOLDER, UPLOAD, VARIANT, Form, leaves, upload_kind
from runs.domain.texts import format_bytes
from runs.store import storage

MAX_FILES = 1000  # of a folder
PIECE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Given:
    """A file that somebody has chosen. name: its path, as its folder has it; content: open, at its beginning."""

    name: str
    content: IO[bytes]


@dataclass(frozen=True, slots=True)
class _Copy:
    name: str
    digest: str
    path: Path


def store(project: str, domain: str, kind: str, given: Sequence[Given]) -> str:
    """The address, as user code takes it, of the file or the folder that these make. kind: FILE | FOLDER. Raises Invalid."""
    if kind == FILE and len(given) != 1:
        raise Invalid(f"a file was expected, and {len(given)} were sent")
    if not given:
        raise Invalid("the folder has no files")
    if len(given) > MAX_FILES:
        raise Invalid(f"the folder has {len(given):,} files; at most {MAX_FILES:,} are taken")
    root, names = ("", [given[0].name.rpartition("/")[2]]) if kind == FILE else _names(given)
    for name in names:
        storage.check_path("the name of a file", name)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise Invalid(f"there are two files called {twice!r}")
    with ExitStack() as kept:
        copies = [_copy(name, one, kept) for name, one in zip(names, given, strict=True)]
        whole = copies[0].digest if kind == FILE else _digest_of(copies)
        base = f"{whole}/{root}" if root else whole
        for one in copies:
            storage.put_file(one.path, storage.upload_uri(project, domain, base, one.name))
    return storage.for_user_code(
        storage.upload_uri(project, domain, whole, copies[0].name if kind == FILE else root)
    )


def _names(given: Sequence[Given]) -> tuple[str, list[str]]:
    """The name of the folder, and what its files are called in it. Browsers name each by the folder that was chosen."""
    roots = {one.name.partition("/")[0] for one in given if "/" in one.name}
    if len(roots) == 1 and all("/" in one.name for one in given):
        (root,) = roots
        return storage.check_path("the name of the folder", root), [
            one.name.partition("/")[2] for one in given
        ]
    return "folder", [one.name for one in given]


def _copy(name: str, given: Given, kept: ExitStack) -> _Copy:
    """The file beside its place, with the digest that the client's uploads have, too."""
    path = storage.new_temporary_file()
    kept.callback(path.unlink, missing_ok=True)
    digest, size = hashlib.md5(usedforsecurity=False), 0
    with path.open("wb") as file:
        while piece := given.content.read(PIECE_BYTES):
            size += len(piece)
            if size > settings.MAX_UPLOAD_BYTES:
                raise too_large(name)
            digest.update(piece)
            file.write(piece)
    return _Copy(name, digest.hexdigest(), path)


def _digest_of(copies: Sequence[_Copy]) -> str:
    listed = "\n".join(f"{one.digest} {one.name}" for one in sorted(copies, key=lambda one: one.name))
    return hashlib.md5(listed.encode(), usedforsecurity=False).hexdigest()


def too_large(name: str) -> Invalid:
    most = format_bytes(settings.MAX_UPLOAD_BYTES)
    return Invalid(
        f"{name!r} is larger than {most}, the most that can be uploaded (FLYTEUI_MAX_UPLOAD_BYTES)"
    )


def take(
    form: Form, posted: Mapping[str, str], files: Mapping[str, Sequence[Given]], scope: tuple[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """What was posted, with the addresses of the files that came with it; and what is wrong with these, by field.

    form: that of the source, which says of which fields files may be.
    """
    fields, problems = dict(posted), {}
    for field in leaves(form.fields):
        given = files.get(field.key + UPLOAD)
        if not given or not field.upload:
            continue
        try:
            fields[field.key] = store(*scope, field.upload, given)
        except (FlyteUIError, OSError) as error:
            problems[field.key] = (
                error.message if isinstance(error, FlyteUIError) else f"it cannot be stored: {error.strerror}"
            )
        if field.variants:
            fields[field.key + VARIANT] = str(field.upload_variant)
    return fields, problems


def upload_local(
    given: Iterable[str], variables: Sequence[interface_pb2.VariableEntry], scope: tuple[str, str]
) -> list[str]:
    """Options `name=value` with addresses in place of paths of this machine, where a file or a folder is wanted. Raises Invalid."""
    kinds = {variable.key: upload_kind(variable.value.type) for variable in variables}
    uploaded: list[str] = []
    for one in given:
        name, _, text = one.partition("=")
        path = Path(text).expanduser()
        if kinds.get(name) and text and is_local(text) and path.exists() and not _is_stored(path):
            uploaded.append(f"{name}={_upload(path, kinds[name], scope)}")
        else:
            uploaded.append(one)
    return uploaded


def _is_stored(path: Path) -> bool:
    """Whether it is in the storage already: then its path is its address."""
    try:
        storage.check_inside("path", str(path.resolve()))
    except Invalid:
        return False
    return True


def _upload(path: Path, kind: str, scope: tuple[str, str]) -> str:
    if path.is_dir() is not (kind == FOLDER):
        raise Invalid(f"{str(path)!r} is {'a folder' if path.is_dir() else 'a file'}, and a {kind} is wanted")
    files = [path] if kind == FILE else sorted(one for one in path.rglob("*") if one.is_file())
    if len(files) > MAX_FILES:
        raise Invalid(f"{str(path)!r} has {len(files):,} files; at most {MAX_FILES:,} are taken")
    root = path.resolve()
    try:
        with ExitStack() as opened:
            return store(
                *scope,
                kind,
                [
                    Given(
                        f"{root.name}/{one.relative_to(path).as_posix()}" if kind == FOLDER else one.name,
                        opened.enter_context(one.open("rb")),
                    )
                    for one in files
                ],
            )
    except OSError as error:
        raise Invalid(f"{str(path)!r} cannot be read: {error.strerror}") from error
