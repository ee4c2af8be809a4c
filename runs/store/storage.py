"""Where inputs, outputs and bundles live, and the signed addresses under which clients upload.

Layout, below STORAGE_URL: <project>/<domain>/<run>/ is a run, with <action>/<attempt>/ in it; _uploads, _inputs and _raw
cannot be projects, whose names have no "_". It reads and writes nothing outside of STORAGE_URL.
"""

from __future__ import annotations

import errno
import fcntl
import filecmp
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import token_hex
from typing import IO, Any

from django.conf import settings
from django.core import signing

from runs.domain.addresses import storage as addresses
from runs.domain.errors import Conflict, Invalid, Unauthenticated
from runs.domain.names import RunRef
from runs.store import objects, packs

_SALT = "flyteui.upload"
_DOWNLOAD_SALT = "flyteui.download"
_FILE = "file://"
MAX_PATH = 1024
# How a file system says that it makes no hard links.
NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


def join(base: str, *parts: str) -> str:
    """Join with exactly one slash between; nothing is quoted, because the SDK quotes nothing either."""
    return "/".join([base.rstrip("/"), *(part.strip("/") for part in parts)])


def run_base(ref: RunRef) -> str:
    """The folder of a run's files; ends with a slash."""
    return join(settings.STORAGE_URL, ref.project, ref.domain, ref.name) + "/"


def raw_data_prefix(ref: RunRef) -> str:
    """Where File, Dir and large values of a run are offloaded."""
    return for_user_code(join(settings.STORAGE_URL, "_raw", ref.project, ref.domain, ref.name))


def for_user_code(uri: str) -> str:
    """The address as user code gets it: on the local disk a path, because the SDK's File, Dir and open take file:// for a folder
    of that name.
    """
    return uri.removeprefix(_FILE)


def attempt_uri(base_uri: str, action: str, attempt: int) -> str:
    """The folder that one attempt of an action writes to; no slash at the end."""
    return join(base_uri, action, str(attempt))


def inputs_uri(project: str, domain: str, digest: str) -> str:
    """The folder of inputs that a client offloads before its run exists. The digest is a file name already."""
    return join(settings.STORAGE_URL, "_inputs", project, domain, digest)


def upload_uri(project: str, domain: str, folder: str, filename: str) -> str:
    """Where a client's upload goes; raises Invalid when the names would leave the folder."""
    return join(
        settings.STORAGE_URL,
        "_uploads",
        project,
        domain,
        check_path("filename_root", folder),
        check_path("filename", filename),
    )


def check_path(what: str, value: str) -> str:
    """Return a relative path, or raise Invalid: no empty, "." or ".." segment, no NUL, no backslash."""
    if not value or len(value) > MAX_PATH:
        raise Invalid(f"{what} must have 1 to {MAX_PATH} characters, it has {len(value)}")
    if any(part in {"", ".", ".."} for part in value.split("/")) or "\\" in value or "\x00" in value:
        raise Invalid(
            f"{what} {value[:200]!r} must be a relative path without '.', '..', '\\' and empty parts"
        )
    return value


def check_inside(what: str, uri: str) -> str:
    """Return the address, or raise Invalid when it is outside of STORAGE_URL."""
    local_path(uri, what=what)
    return uri


def path_below(what: str, uri: str) -> list[str]:
    """The parts of the address below STORAGE_URL; raises Invalid when it is outside, or has `..` in it."""
    check_inside(what, uri)
    root = addresses.split_scheme(settings.STORAGE_URL)[1].rstrip("/")
    path = check_path(what, addresses.split_scheme(uri)[1].removeprefix(root).strip("/"))
    return path.split("/")


def local_path(uri: str, *, what: str = "address") -> Path | None:
    """The path on the local disk; None for an address of the object store. Raises Invalid for what is not in the storage.

    Every access goes through here. A link inside of the storage folder cannot lead out of it: the path is resolved
    before it is compared.
    """
    addresses.check_inside(uri, settings.STORAGE_URL, what=what)
    root = _local_root()
    if root is None:
        return None
    given = Path(addresses.split_scheme(uri)[1])
    if not given.resolve().is_relative_to(root):
        raise Invalid(
            f"{what} {uri[:300]!r} is outside of the storage {settings.STORAGE_URL!r} ({addresses.SETTING})"
        )
    return given


def _local_root() -> Path | None:
    scheme, path = addresses.split_scheme(settings.STORAGE_URL)
    return Path(path).resolve() if scheme == addresses.LOCAL else None


def read_bytes(uri: str) -> bytes | None:
    """The content of a file, or of what a pack has in its place; None when there is no such file."""
    path = local_path(uri)
    try:
        if path is not None:
            return _read_local(path)
        filesystem, name = objects.find_store(uri)
        content: bytes = filesystem.cat_file(name)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None
    return content


def _read_local(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return packs.read_value(path)


def open_file(uri: str) -> IO[bytes] | None:
    """A file to be read piece by piece; None when there is no such file. The caller closes it."""
    path = local_path(uri)
    try:
        if path is not None:
            return path.open("rb")
        filesystem, name = objects.find_store(uri)
        if filesystem.info(name)["type"] != "file":
            return None
        opened: IO[bytes] = filesystem.open(name, "rb")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None
    return opened


def provide(uri: str, *, is_shared: bool = False) -> bool:
    """Whether there is such a file, for somebody who is about to read it by its address: if a pack has it, it is one again.

    It is not packed for a while then. is_shared: what nobody packs, because the cache has it, so a file that is there stays.
    """
    path, root = local_path(uri), _local_root()
    if path is None or root is None:
        return exists(uri)
    if not (is_shared and path.exists()):
        packs.provide(path, below=root)
    return path.exists()


def write_bytes(uri: str, content: bytes) -> None:
    """Write a file whole or not at all: readers never see a part of it."""
    path = local_path(uri)
    if path is None:
        filesystem, name = objects.find_store(uri)
        filesystem.pipe_file(name, content)
        return
    temporary = new_temporary_file()
    try:
        temporary.write_bytes(content)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def exists(uri: str) -> bool:
    path = local_path(uri)
    if path is not None:
        return path.exists() or packs.read_value(path) is not None
    filesystem, name = objects.find_store(uri)
    return bool(filesystem.exists(name))


def find_size(uri: str) -> int | None:
    """How many bytes a file has, or None when there is no such file."""
    path = local_path(uri)
    try:
        if path is not None:
            return path.stat().st_size if path.is_file() else None
        filesystem, name = objects.find_store(uri)
        details = filesystem.info(name)
        return int(details["size"]) if details["type"] == "file" else None  # a folder has a size, too
    except (FileNotFoundError, NotADirectoryError):
        return None


def new_temporary_file() -> Path:
    """An empty file on the disk of the storage, so that it can be renamed into place.

    Who may read it is said by our umask, or by the folder, whose default ACL may let the user of executors in (docs/explanation/security.md).
    """
    folder = (_local_root() or Path(settings.HOME)) / "_incoming"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"tmp{token_hex(8)}"
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    return path


def put_file(temporary: Path, uri: str, *, replaces: bool = False) -> None:
    """Move a complete temporary file to its place. Raises Conflict when other content is there, unless it may be replaced.

    A link is made or not made, so of two uploads of one name only one can win, however close they are. A file system without
    links (FAT, many network and FUSE ones) has a lock for it, which holds for the processes of this machine. An object store has
    no such step: there the second of two that begin together replaces the first.
    """
    path = local_path(uri)
    if path is None:
        _put_remote(temporary, uri, replaces=replaces)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if replaces:
        temporary.replace(path)
        return
    try:
        os.link(temporary, path)
    except FileExistsError:
        _check_same(temporary, path, uri)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        _rename_alone(temporary, path, uri)
    temporary.unlink(missing_ok=True)


def _rename_alone(temporary: Path, path: Path, uri: str) -> None:
    """On a file system without links: a rename would replace, so no two are made at a time."""
    with (Path(settings.HOME) / "uploads.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            _check_same(temporary, path, uri)
        else:
            temporary.rename(path)


def _check_same(temporary: Path, path: Path, uri: str) -> None:
    if not path.is_file() or not filecmp.cmp(temporary, path, shallow=False):
        raise _taken(uri)
    os.utime(path)  # it is about to be used, so retention must not take it for old


def _put_remote(temporary: Path, uri: str, *, replaces: bool) -> None:
    filesystem, name = objects.find_store(uri)
    if not replaces and filesystem.exists(name):
        if filesystem.cat_file(name) != temporary.read_bytes():
            raise _taken(uri)
        return
    filesystem.put_file(str(temporary), name)


def _taken(uri: str) -> Conflict:
    return Conflict(f"there is a file {uri!r} already, with other content; what was uploaded does not change")


@dataclass(frozen=True, slots=True)
class Upload:
    """What a signed address allows: one file, of one content, until a moment. Times are Unix seconds."""

    uri: str
    md5: str  # in hex; "" when the client did not say
    max_bytes: int
    expires_at: int
    replaces: bool = False  # what was uploaded there before
    subject: str = ""  # the id of whoever asked for it


def sign_upload(upload: Upload) -> str:
    """A token for /upload/<token>; it needs no row, and altering it breaks it."""
    return signing.dumps(asdict(upload), salt=_SALT, compress=True)


def check_upload(token: str) -> Upload:
    """Return what the token allows; raises Unauthenticated when it is altered or too old."""
    upload = Upload(**_loads(token, _SALT, "upload"))
    _check_not_expired("upload", upload.expires_at)
    return upload


@dataclass(frozen=True, slots=True)
class Download:
    """What a signed address allows: to read one file, until a moment (Unix seconds). subject: whoever asked for it."""

    uri: str
    expires_at: int
    subject: str = ""


def sign_download(download: Download) -> str:
    """A token for /download/<token>; it needs no row, and altering it breaks it."""
    return signing.dumps(asdict(download), salt=_DOWNLOAD_SALT, compress=True)


def check_download(token: str) -> Download:
    """Return what the token allows; raises Unauthenticated when it is altered or too old."""
    download = Download(**_loads(token, _DOWNLOAD_SALT, "download"))
    _check_not_expired("download", download.expires_at)
    return download


def _loads(token: str, salt: str, kind: str) -> dict[str, Any]:
    try:
        payload: dict[str, Any] = signing.loads(token, salt=salt)
    except signing.BadSignature as error:
        raise Unauthenticated(f"the {kind} address is not one that this server has signed") from error
    return payload


def _check_not_expired(kind: str, expires_at: int) -> None:
    if expires_at < time.time():
        late = int(time.time() - expires_at)
        raise Unauthenticated(f"the {kind} address expired {late} s ago; ask for a new one")
