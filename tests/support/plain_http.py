"""Requests to servers without TLS: httpx, which would read the certificates of the machine for each, 30 ms of a processor."""

from __future__ import annotations

import ssl
from functools import partial

import httpx

# Trusts nobody: an address that is not plain HTTP is an error.
NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

get = partial(httpx.get, verify=NOBODY)
post = partial(httpx.post, verify=NOBODY)
put = partial(httpx.put, verify=NOBODY)
stream = partial(httpx.stream, verify=NOBODY)
Client = partial(httpx.Client, verify=NOBODY)
