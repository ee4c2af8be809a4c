"""Code bundles: which files they have, which is the task's, and where it begins."""

from __future__ import annotations

import io
import tarfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.domain.errors import Invalid
from runs.domain.tasks import bundles
from runs.domain.tasks.bundles import Bundle, CodeFile, Entry, find_file, find_line, read_entry


def pack(*members: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return data.getvalue()


def link(name: str, to: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


def read(data: bytes) -> list[tuple[str, int, str | None]]:
    """Name, size and text of each file, in order of their names, each read by itself."""
    bundle = Bundle(data)
    found = [(file.name, file.size, bundle.read_text(file.name)) for file in bundle.files]
    assert bundle.read_texts() == {name: text for name, _, text in found}
    return found


def test_regular_files_in_order_of_their_names_and_nothing_else():
    folder = tarfile.TarInfo("pkg")
    folder.type = tarfile.DIRTYPE
    data = pack(
        ("b.py", b"x = 1\n"), ("./a.txt", "ä".encode()), ("/abs.py", b""), folder,
        link("soft", "/etc/passwd", tarfile.SYMTYPE), link("pipe", "", tarfile.FIFOTYPE),
        ("image.png", b"\x89PNG\0"), ("latin.txt", b"\xe4"),
    )  # fmt: skip

    assert read(data) == [
        ("a.txt", 2, "ä"), ("abs.py", 0, ""), ("b.py", 6, "x = 1\n"), ("image.png", 5, None), ("latin.txt", 1, None),
    ]  # fmt: skip


def test_a_large_file_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bundles, "MAX_SHOWN", 3)

    assert read(pack(("long.py", b"1234"), ("short.py", b"123"))) == [
        ("long.py", 4, None),
        ("short.py", 3, "123"),
    ]


def test_of_many_files_one_is_decoded(monkeypatch: pytest.MonkeyPatch):
    decoded: list[bytes] = []

    def decode(content: bytes) -> str:
        decoded.append(content)
        return content.decode()

    monkeypatch.setattr(bundles, "_text", decode)
    bundle = Bundle(pack(*((f"{number}.py", b"%d" % number) for number in range(20))))

    assert bundle.read_text("7.py") == "7"
    assert decoded == [b"7"]


@pytest.mark.parametrize(("limit", "value"), [("MAX_UNPACKED", 3), ("MAX_FILES", 1)])
def test_what_unpacks_to_too_much_is_refused_before_it_is_read(
    monkeypatch: pytest.MonkeyPatch, limit: str, value: int
):
    monkeypatch.setattr(bundles, limit, value)

    with pytest.raises(Invalid, match=r"more than .* download it"):
        Bundle(pack(("a", b"12"), ("b", b"34")))


@given(st.binary(max_size=200), st.integers(0, 100))
def test_what_is_damaged_is_refused_with_words(noise: bytes, cut: int):
    """Cut off behind its last file, an archive has all of its files still."""
    with pytest.raises(Invalid, match="cannot be read"):
        read(noise)
    with suppress(Invalid):
        assert read(pack(("a.py", b"x" * 500))[: -1 - cut]) == [("a.py", 500, "x" * 500)]


@pytest.mark.parametrize(
    ("module", "found"),
    [
        ("demo", "demo.py"),
        ("pkg.train", "src/pkg/train.py"),
        ("pkg", "src/pkg/__init__.py"),
        ("rain", None),
        ("", None),
    ],
)
def test_the_file_of_a_module(module: str, found: str | None):
    files = [
        CodeFile(name, 1) for name in ("demo.py", "old/demo.py", "src/pkg/__init__.py", "src/pkg/train.py")
    ]

    chosen = find_file(files, Entry(module, "x"))

    assert (chosen and chosen.name) == found


def test_the_entry_is_in_the_arguments_of_the_container():
    args = ["a0", "--tgz", "s3://b/x.tgz", "--resolver", "flyte.x", "mod", "pkg.train", "instance", "fit"]

    assert read_entry(args) == Entry("pkg.train", "fit")
    assert read_entry(["mod"]) == read_entry([]) == Entry("", "")


CODE = """import flyte

@env.task(
    retries=3,
)
@other
async def train(
    x: int,
):
    def inner(): ...

def trainer(): ...
wrapped = env.task(trainer)
typed: Task = wrapped
class Train: ...
"""


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("train", 3),
        ("trainer", 12),
        ("wrapped", 13),
        ("typed", 14),
        ("inner", 0),
        ("Train", 0),
        ("", 0),
        ("x.*", 0),
    ],
)
def test_a_task_begins_with_its_decorators(name: str, line: int):
    assert find_line(CODE, name) == line
