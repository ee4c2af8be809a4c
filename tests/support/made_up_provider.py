"""An OpenID Connect provider that signs whatever a test wants; it listens on loopback, and answers with what is set here.

A well-kept provider gives out no bad tokens, so attacks need one of our own. What good ones do is tried with a real one
(tests/e2e/client/test_oidc.py).
"""

from __future__ import annotations

import functools
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLI = "flyte-cli"
PAGES = "flyteui"


@functools.cache
def make_key(name: str) -> RSAKey:
    """A key pair of this name, one for all tests: making one takes longer than most of them."""
    return RSAKey.generate_key(2048, {"kid": name, "alg": "RS256", "use": "sig"})


class MadeUpProvider:
    """asked: how often each path was; token: what the token endpoint answers; posted: what was sent there last."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.keys: list[Any] = [make_key("one")]
        self.metadata: dict[str, Any] = {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/auth",
            "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/jwks",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        }
        self.asked: Counter[str] = Counter()
        self.token: dict[str, Any] = {}
        self.posted: dict[str, str] = {}
        self.is_down = False

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Those of a good token; a claim that is None is left out. Times are seconds from now."""
        found = {"iss": self.issuer, "sub": "sub-of-ada", "aud": CLI, "iat": 0, "exp": 600, **changes}
        now = int(time.time())
        return {
            name: now + value if name in {"iat", "exp", "nbf"} else value
            for name, value in found.items()
            if value is not None
        }

    def sign(self, claims: dict[str, Any], *, key: Any = None, **header: Any) -> str:
        key = key or self.keys[0]
        head = {"alg": "RS256", "kid": key.kid, **header}
        return jwt.encode(head, claims, key, algorithms=[head["alg"]])

    def answer(self, path: str) -> dict[str, Any] | None:
        match path:
            case "/.well-known/openid-configuration":
                return self.metadata
            case "/jwks":
                return dict(KeySet(self.keys).as_dict(private=False))
            case "/token":
                return self.token
        return None


@contextmanager
def made_up_provider() -> Iterator[MadeUpProvider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.asked[self.path] += 1
            found = None if provider.is_down else provider.answer(self.path)
            self.send_response(200 if found is not None else 503)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["content-length"])).decode()
            provider.posted = {name: values[0] for name, values in parse_qs(sent).items()}
            self.do_GET()

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider = MadeUpProvider(f"http://127.0.0.1:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield provider
        finally:
            server.shutdown()
