"""Our own TLS: which certificate a new connection gets, and who takes it."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest
import trustme
from django.core.exceptions import ImproperlyConfigured
from OpenSSL import SSL

from flyteui.tls import CertificateFiles
from runs.protocol.pinning import pinned_to, socket_options
from tests.support.server.certificates import Certificate, make_certificate


@pytest.fixture
def files(tmp_path: Path) -> Certificate:
    return make_certificate(tmp_path, "flyteui.example.com", authority=trustme.CA().create_child_ca())


def handshake(server: CertificateFiles, client: ssl.SSLContext, name: str | None = None) -> bytes:
    """Let both talk without a network; returns the certificate that the client got. Raises ssl.SSLError when it refuses."""
    there = SSL.Connection(server.getContext(), None)
    there.set_accept_state()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(incoming, outgoing, server_hostname=name)
    for _ in range(10):
        try:
            here.do_handshake()
        except ssl.SSLWantReadError:
            pass
        else:
            return here.getpeercert(binary_form=True) or b""
        there.bio_write(outgoing.read())
        try:
            there.do_handshake()
        except SSL.WantReadError:
            pass
        incoming.write(there.bio_read(100_000))
    raise AssertionError("the two do not come to an end")


def replace(files: Certificate, content: bytes, which: str = "cert") -> None:
    """As a renewal does: another file takes the place."""
    path: Path = getattr(files, which)
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.replace(path)


def test_a_client_that_trusts_the_authority_takes_it_by_its_name(files: Certificate):
    server = CertificateFiles(str(files.cert), str(files.key))
    client = ssl.create_default_context(cafile=str(files.authority))
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the authority of the test is below another

    assert handshake(server, client, "flyteui.example.com")
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        handshake(server, client, "other.example.com")


def test_our_own_processes_take_just_this_certificate_whatever_its_name_is(
    files: Certificate, tmp_path: Path
):
    server = CertificateFiles(str(files.cert), str(files.key))
    folder = tmp_path / "other"
    folder.mkdir()
    # Of the same authority, which stands in the file of the other one too.
    authority = trustme.CA.from_pem(*_authority_of(folder))
    ours = make_certificate(folder, "flyteui.example.com", authority=authority)
    another = make_certificate(tmp_path, "flyteui.example.com", authority=authority)

    assert handshake(CertificateFiles(str(ours.cert), str(ours.key)), pinned_to(str(ours.cert)))
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(CertificateFiles(str(another.cert), str(another.key)), pinned_to(str(ours.cert)))
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, pinned_to(str(ours.cert)))


def _authority_of(folder: Path) -> tuple[bytes, bytes]:
    made = trustme.CA()
    return made.cert_pem.bytes(), made.private_key_pem.bytes()


def test_without_a_certificate_a_socket_is_opened_as_usual(files: Certificate):
    assert socket_options("") == {}
    assert isinstance(socket_options(str(files.cert))["ssl"], ssl.SSLContext)


def test_a_renewed_certificate_is_taken_without_a_restart(files: Certificate, tmp_path: Path):
    server = CertificateFiles(str(files.cert), str(files.key))
    before = handshake(server, pinned_to(str(files.cert)))

    renewed = make_certificate(tmp_path, "flyteui.example.com")
    os.utime(renewed.cert, ns=(1, 1))

    after = handshake(server, pinned_to(str(renewed.cert)))
    assert before != after


def test_a_half_written_renewal_leaves_the_certificate_as_it_is(
    files: Certificate, caplog: pytest.LogCaptureFixture
):
    server = CertificateFiles(str(files.cert), str(files.key))
    whole = files.cert.read_bytes()
    before = handshake(server, pinned_to(str(files.cert)))
    client = pinned_to(str(files.cert))

    replace(files, whole[:200])

    assert handshake(server, client) == before
    assert "stays" in caplog.text
    replace(files, whole)
    assert handshake(server, client) == before


@pytest.mark.parametrize("broken", ["missing", "empty", "no key", "another key"])
def test_what_is_no_certificate_with_its_key_is_named(files: Certificate, tmp_path: Path, broken: str):
    match broken:
        case "missing":
            files.cert.unlink()
        case "empty":
            files.cert.write_bytes(b"")
        case "no key":
            files.key.write_bytes(b"x")
        case _:
            key = files.key.read_bytes()
            make_certificate(tmp_path, "flyteui.example.com")
            files.key.write_bytes(key)

    with pytest.raises(ImproperlyConfigured, match=r"FLYTEUI_TLS_CERT.*FLYTEUI_TLS_KEY"):
        CertificateFiles(str(files.cert), str(files.key))
