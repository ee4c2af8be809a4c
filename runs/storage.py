"""Where inputs, outputs and bundles live, and the signed addresses under which clients upload.

Layout, below STORAGE_URL: <project>/<domain>/<run>/ is a run, with <action>/<attempt>/ in it; _uploads, _inputs and _raw
cannot be projects, whose names have no "_". It reads and writes nothing outside of STORAGE_URL on the local disk.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import fsspec
from django.conf import settings
from django.core import signing

from runs.errors import Invalid, Unauthenticated
from runs.names import RunRef

_SALT = "flyteui.upload"
_FILE = "file://"
MAX_PATH = 1024


def join(base: str, *parts: str) -> str:
    """Join with exactly one slash between; nothing is quoted, because the SDK quotes nothing either."""
    return "/".join([base.rstrip("/"), *(part.strip("/") for part in parts)])


def run_base(ref: RunRef) -> str:
    """The folder of a run's files; ends with a slash."""
    return join(settings.STORAGE_URL, ref.project, ref.domain, ref.name) + "/"


def raw_data_prefix(ref: RunRef) -> str:
    """Where File, Dir and large values of a run are offloaded."""
    return join(settings.STORAGE_URL, "_raw", ref.project, ref.domain, ref.name)


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
    """Return the address, or raise Invalid when it is on this machine's disk and outside of STORAGE_URL."""
    local_path(uri, what=what)
    return uri


def local_path(uri: str, *, what: str = "address") -> Path | None:
    """The path on the local disk; None for an address of an object store.

    A link inside of the storage folder cannot lead out of it: the path is resolved before it is compared.
    """
    scheme, separator, path = uri.partition("://")
    if separator and scheme != "file":
        return None
    given = Path(path if separator else uri)
    root = _local_root()
    if root is None or not given.is_absolute() or not given.resolve().is_relative_to(root):
        raise Invalid(f"{what} {uri[:300]!r} is outside of the storage {settings.STORAGE_URL!r}")
    return given


def _local_root() -> Path | None:
    url: str = settings.STORAGE_URL
    if url.startswith(_FILE) or "://" not in url:
        return Path(url.removeprefix(_FILE)).resolve()
    return None


def read_bytes(uri: str) -> bytes | None:
    """The content of a file, or None when there is no such file."""
    path = local_path(uri)
    try:
        if path is not None:
            return path.read_bytes()
        filesystem, name = fsspec.core.url_to_fs(uri)
        content: bytes = filesystem.cat_file(name)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None
    return content


def write_bytes(uri: str, content: bytes) -> None:
    """Write a file whole or not at all: readers never see a part of it."""
    path = local_path(uri)
    if path is None:
        filesystem, name = fsspec.core.url_to_fs(uri)
        filesystem.pipe_file(name, content)
        return
    temporary = new_temporary_file()
    try:
        temporary.write_bytes(content)
        put_file(temporary, uri)
    finally:
        temporary.unlink(missing_ok=True)


def exists(uri: str) -> bool:
    path = local_path(uri)
    if path is not None:
        return path.exists()
    filesystem, name = fsspec.core.url_to_fs(uri)
    return bool(filesystem.exists(name))


def find_size(uri: str) -> int | None:
    """How many bytes a file has, or None when there is no such file."""
    path = local_path(uri)
    try:
        if path is not None:
            return path.stat().st_size if path.is_file() else None
        filesystem, name = fsspec.core.url_to_fs(uri)
        return int(filesystem.size(name))
    except (FileNotFoundError, NotADirectoryError):
        return None


def new_temporary_file() -> Path:
    """An empty file on the disk of the storage, so that it can be renamed into place."""
    folder = (_local_root() or Path(settings.HOME)) / "_incoming"
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder)
    os.close(handle)
    return Path(name)


def put_file(temporary: Path, uri: str) -> None:
    """Move a complete temporary file to its place, over what may be there."""
    path = local_path(uri)
    if path is None:
        filesystem, name = fsspec.core.url_to_fs(uri)
        filesystem.put_file(str(temporary), name)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp made it readable by its owner only; executors may run as somebody else.
    temporary.chmod(0o644)
    temporary.replace(path)


@dataclass(frozen=True, slots=True)
class Upload:
    """What a signed address allows: one file, of one content, until a moment. Times are Unix seconds."""

    uri: str
    md5: str  # in hex; "" when the client did not say
    max_bytes: int
    expires_at: int


def sign_upload(upload: Upload) -> str:
    """A token for /upload/<token>; it needs no row, and altering it breaks it."""
    return signing.dumps(asdict(upload), salt=_SALT, compress=True)


def check_upload(token: str) -> Upload:
    """Return what the token allows; raises Unauthenticated when it is altered or too old."""
    try:
        payload: dict[str, Any] = signing.loads(token, salt=_SALT)
    except signing.BadSignature as error:
        raise Unauthenticated("the upload address is not one that this server has signed") from error
    upload = Upload(**payload)
    if upload.expires_at < time.time():
        late = int(time.time() - upload.expires_at)
        raise Unauthenticated(f"the upload address expired {late} s ago; ask for a new one")
    return upload
