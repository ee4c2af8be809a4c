"""The files of a code bundle, the tar archive that the client sends along with a task. Pure: nothing is unpacked to a disk.

An archive is user data: what is no regular file is left out, and one that unpacks to too much is refused.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from runs.domain.errors import Invalid

MAX_PACKED = 50_000_000  # bytes of the archive
MAX_UNPACKED = 200_000_000
MAX_FILES = 2000
MAX_SHOWN = 500_000  # bytes of a file
# Of the tasks of demonstrations, which have no code: no executor can load it, so one that should says at once what is wrong.
OF_DEMONSTRATIONS = "file:///a-demonstration-has-no-code.tgz"
NO_CODE = "it is of a demonstration, which has no code"
_DAMAGED = (tarfile.TarError, EOFError, OSError)


@dataclass(frozen=True, slots=True)
class CodeFile:
    """A regular file of a bundle. text: None for what is too large to be shown, or no text in UTF-8."""

    name: str
    size: int
    text: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """Where the code of a task begins: the variable of a module, as the client's resolver names them; "" when it names none."""

    module: str
    name: str


def read_bundle(data: bytes) -> list[CodeFile]:
    """The files, in order of their names. Raises Invalid for a bundle that is damaged or too large."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:*") as archive:
            return sorted(_files(archive), key=lambda file: file.name)
    except _DAMAGED as error:
        raise Invalid(f"the code bundle cannot be read: {error}") from error


def _files(archive: tarfile.TarFile) -> Iterable[CodeFile]:
    unpacked = count = 0
    for member in archive:
        unpacked, count = unpacked + member.size, count + 1
        if unpacked > MAX_UNPACKED or count > MAX_FILES:
            raise Invalid(
                f"the code bundle has more than {MAX_FILES:,} files or {MAX_UNPACKED // 1_000_000} MB; download it to look at it"
            )
        if member.isreg() and (stream := archive.extractfile(member)):
            name = str(PurePosixPath(member.name.lstrip("/")))
            yield CodeFile(name, member.size, _text(stream.read()) if member.size <= MAX_SHOWN else None)


def _text(content: bytes) -> str | None:
    try:
        return None if b"\0" in content else content.decode()
    except UnicodeDecodeError:
        return None


def read_entry(args: Iterable[str]) -> Entry:
    """What the arguments of a task's container say: `… mod demo.train instance train`."""
    words = list(args)
    found = {word: words[at + 1] for at, word in enumerate(words[:-1]) if word in {"mod", "instance"}}
    return Entry(found.get("mod", ""), found.get("instance", ""))


def find_file(files: Iterable[CodeFile], entry: Entry) -> CodeFile | None:
    """The file of the entry's module; folders above the package, such as `src`, do not count."""
    path = entry.module.replace(".", "/")
    endings = (f"{path}.py", f"{path}/__init__.py") if path else ()
    matches = [file for file in files if any(f"/{file.name}".endswith(f"/{ending}") for ending in endings)]
    return min(matches, key=lambda file: file.name.count("/"), default=None)


def find_line(text: str, name: str) -> int:
    """The number of the line in which a function, or what a module calls so, begins; its decorators come with it. 0: not found."""
    wanted = re.escape(name)
    found = (
        re.search(rf"^(?:async[ \t]+)?def[ \t]+{wanted}\b|^{wanted}[ \t]*[:=]", text, re.MULTILINE)
        if name
        else None
    )
    if found is None:
        return 0
    number = text.count("\n", 0, found.start()) + 1
    lines = text.splitlines()
    while number > 1 and lines[number - 2].startswith(("@", ")", " ", "\t")) and _is_decorated(lines, number):
        number -= 1
    return number


def _is_decorated(lines: list[str], number: int) -> bool:
    """Whether the line above this one belongs to a decorator, which may have several lines."""
    for line in reversed(lines[: number - 1]):
        if line.startswith("@"):
            return True
        if not line.startswith((")", " ", "\t")):
            return False
    return False
