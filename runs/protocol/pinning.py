"""How a process of this machine knows a server at 127.0.0.1 that speaks TLS: by its certificate, not by its name.

The certificate names the host of the public URL, and may come from an authority that this machine does not know. Whoever
has the key of just this one is our server.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

END = "-----END CERTIFICATE-----"


def pinned_to(cert: str) -> ssl.SSLContext:
    """A client's context that takes only the first certificate of this PEM file. Read it for each connection: it is renewed."""
    first = Path(cert).read_text().partition(END)[0] + END
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=first)
    # It need not be a root to be what a chain ends with.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def socket_options(cert: str) -> dict[str, Any]:
    """What `connect` of websockets takes for it; nothing where no certificate is given: the name decides, as usual."""
    return {"ssl": pinned_to(cert)} if cert else {}
