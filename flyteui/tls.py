"""TLS on our own port: the certificate and the key are read again when their files change, so a renewal needs no restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import structlog
from django.core.exceptions import ImproperlyConfigured
from OpenSSL import SSL
from twisted.internet.ssl import CertificateOptions, TLSVersion
from twisted.protocols.tls import TLSMemoryBIOFactory

log = structlog.get_logger(__name__)


class CertificateFiles:
    """Gives each new connection what the two files hold. cert: PEM, our certificate first, then those that it stands on."""

    def __init__(self, cert: str, key: str) -> None:
        """Raises ImproperlyConfigured, with the name of the setting, when one cannot be read or they do not belong together."""
        self._files = (Path(cert), Path(key))
        self._seen = self._stamps()
        self._context = self._load()

    def getContext(self) -> SSL.Context:  # noqa: N802 -- Twisted's name
        if (stamps := self._stamps()) != self._seen:
            self._seen = stamps
            try:
                self._context = self._load()
            except ImproperlyConfigured as error:
                # It may be half written: what is valid stays until the files change again.
                log.error("the new certificate cannot be used; the one before it stays", error=str(error))  # noqa: TRY400
        return self._context

    def _stamps(self) -> list[tuple[int, int]]:
        try:
            return [(file.stat().st_mtime_ns, file.stat().st_ino) for file in self._files]
        except OSError:
            return []

    def _load(self) -> SSL.Context:
        cert, key = self._files
        # Twisted's choice of ciphers and protocols. The certificate goes in afterwards, because OpenSSL reads chains itself.
        context: SSL.Context = CertificateOptions(raiseMinimumTo=TLSVersion.TLSv1_2).getContext()
        try:
            context.use_certificate_chain_file(str(cert))
            context.use_privatekey_file(str(key))
            context.check_privatekey()
        except SSL.Error as error:
            raise ImproperlyConfigured(
                f"FLYTEUI_TLS_CERT ({cert}) and FLYTEUI_TLS_KEY ({key}) must be a certificate and its key, in PEM: {error!r}"
            ) from error
        return context


class TLSFactory(TLSMemoryBIOFactory):
    """TLS around the factory of our HTTP connections, which takes no more of them than there may be."""

    def __init__(self, files: CertificateFiles, factory: Any) -> None:
        context_factory: Any = files
        super().__init__(context_factory, isClient=False, wrappedFactory=factory)

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802 -- Twisted's name
        inner = self.wrappedFactory.buildProtocol(addr)
        return None if inner is None else self.protocol(self, inner)
