"""Which addresses lie in the storage: those with exactly its scheme, its bucket and its prefix. Pure.

fsspec knows many more: `local://`, chains such as `simplecache::file://`, `ftp://` and other hosts. Whatever a client or an
executor names is read by the server only when this module lets it pass.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from runs.domain.errors import Invalid

LOCAL = "file"
SETTING = "FLYTEUI_STORAGE_URL"
MAX_ADDRESS = 4096
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def split_scheme(address: str) -> tuple[str, str]:
    """Scheme and rest; a path without a scheme is local."""
    scheme, separator, rest = address.partition("://")
    return (scheme, rest) if separator else (LOCAL, address)


def is_local(address: str) -> bool:
    return split_scheme(address)[0] == LOCAL


def check_inside(address: str, root: str, *, what: str = "address") -> str:
    """Return the address, or raise Invalid when it is not in the storage `root`.

    Links on the local disk are not followed here: who reads a local file resolves its path as well.
    """
    if not is_inside(address, root):
        raise Invalid(f"{what} {address[:300]!r} is outside of the storage {root!r} ({SETTING})")
    return address


def is_inside(address: str, root: str) -> bool:
    if len(address) > MAX_ADDRESS or "::" in address or _CONTROL.search(address):
        return False
    scheme, rest = split_scheme(address)
    root_scheme, root_rest = split_scheme(root)
    if scheme != root_scheme or not _SCHEME.match(scheme):
        return False
    if scheme == LOCAL:
        return rest.startswith("/")
    root_rest = root_rest.rstrip("/")
    is_below = rest.rstrip("/") == root_rest or rest.startswith(f"{root_rest}/")
    # Some object stores take ".." for a parent, and "?" or "#" for the end of the name.
    return is_below and not re.search(r"[?#\\]", rest) and not _climbs(rest)


def _climbs(path: str) -> bool:
    return any(unquote(part) in {".", ".."} for part in path.split("/"))
