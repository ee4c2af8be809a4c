"""Certificates for servers of tests, of an authority that nobody knows but who is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certificate:
    """Paths of PEM files. cert: with what it stands on; authority: what a client must trust."""

    cert: Path
    key: Path
    authority: Path


def make_certificate(folder: Path, *hosts: str, authority: trustme.CA | None = None) -> Certificate:
    """A new certificate for these names and addresses, or another in the place of the one before."""
    authority = authority or trustme.CA()
    made = authority.issue_cert(*hosts)
    files = Certificate(folder / "server.pem", folder / "server.key", folder / "authority.pem")
    made.private_key_pem.write_to_path(str(files.key))
    made.cert_chain_pems[0].write_to_path(str(files.cert))
    for above in made.cert_chain_pems[1:]:
        above.write_to_path(str(files.cert), append=True)
    authority.cert_pem.write_to_path(str(files.authority))
    return files
