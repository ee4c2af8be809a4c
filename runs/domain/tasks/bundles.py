"""The files of a code bundle, the tar archive that the client sends along with a task. Pure: nothing is unpacked to a disk.

An archive is user data: what is no regular file is left out, and one that unpacks to too much is refused.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
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
    """A regular file of a bundle. size: in bytes."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Entry:
    """Where the code of a task begins: the variable of a module, as the client's resolver names them; "" when it names none."""

    module: str
    name: str


class Bundle:
    """An archive, whose files are listed at once and read one by one. Raises Invalid where it is damaged or too large."""

    def __init__(self, data: bytes) -> None:
        with _readable():
            self._archive = tarfile.open(fileobj=io.BytesIO(data), mode="r:*")  # noqa: SIM115  # a view of `data`: there is nothing to close
            self._members = {_name_of(member): member for member in self._list()}
        self.files = [CodeFile(name, self._members[name].size) for name in sorted(self._members)]

    def _list(self) -> Iterator[tarfile.TarInfo]:
        unpacked = count = 0
        for member in self._archive:
            unpacked, count = unpacked + member.size, count + 1
            if unpacked > MAX_UNPACKED or count > MAX_FILES:
                raise Invalid(
                    f"the code bundle has more than {MAX_FILES:,} files or {MAX_UNPACKED // 1_000_000} MB; download it to look at it"
                )
            if member.isreg():
                yield member

    def read_text(self, name: str) -> str | None:
        """The text of one file; None for what is too large to be shown, or no text in UTF-8."""
        member = self._members[name]
        if member.size > MAX_SHOWN:
            return None
        with _readable():
            stream = self._archive.extractfile(member)
            return _text(stream.read()) if stream else None

    def read_texts(self) -> dict[str, str | None]:
        """All of them by name, in the order in which they are packed: an archive is unpacked from its start."""
        packed = sorted(self._members, key=lambda name: self._members[name].offset)
        return {name: self.read_text(name) for name in packed}


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        raise Invalid(f"the code bundle cannot be read: {error}") from error


def _name_of(member: tarfile.TarInfo) -> str:
    return str(PurePosixPath(member.name.lstrip("/")))


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
