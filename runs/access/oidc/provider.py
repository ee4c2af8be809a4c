"""The OpenID Connect provider of FLYTEUI_AUTH=oidc: what it says of itself, its keys, and the claims of its tokens.

Both documents are kept; keys are fetched again when a token names one that is not there, and not more often than every
half minute, whatever tokens are sent. Functions here wait for the provider: call them by `in_thread`, whose few threads are for
nothing else, so that a provider that hangs holds up nobody but those who sign in.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import structlog
from django.conf import settings

from runs.domain.errors import Unavailable

# What only this mode needs is loaded where it is used.
if TYPE_CHECKING:
    from joserfc.jwk import KeySet, KeySetSerialization
    from joserfc.jwt import Token

# Signatures with a public key only: with a shared secret, or with none, whoever reads the JWKS could sign.
ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
)
TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})  # and not, for one, a logout token
TIMEOUT_SECONDS = 5.0
KEPT_SECONDS = 3600.0
PAUSE_SECONDS = 30.0
RETRY_SECONDS = 1.0  # while there is nothing at all
LEEWAY_SECONDS = 60  # by how much the clocks of provider and server may differ
MAX_TOKEN_BYTES = 16 * 1024
P = ParamSpec("P")
R = TypeVar("R")
log = structlog.get_logger(__name__)
_threads = ThreadPoolExecutor(2, thread_name_prefix="identity-provider")


async def in_thread(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run what waits for the provider."""
    return await asyncio.get_running_loop().run_in_executor(_threads, lambda: work(*args, **kwargs))


class Document:
    """A JSON document of the provider, kept for an hour. fetch: gets it, or raises Unavailable."""

    def __init__(
        self, fetch: Callable[[], Mapping[str, Any]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: Mapping[str, Any] | None = None
        self._tried_at = float("-inf")

    def get(self, *, max_age_seconds: float = KEPT_SECONDS) -> Mapping[str, Any]:
        """The document, not older than that if the provider answers and was not asked a moment ago. Raises Unavailable."""
        if self._lock.acquire(
            blocking=self._kept is None
        ):  # whoever has an old one need not wait for the new one
            try:
                self._refresh(max_age_seconds)
            finally:
                self._lock.release()
        if self._kept is None:
            raise Unavailable(f"the identity provider at {settings.OIDC.issuer} does not answer; try again")
        return self._kept

    def is_fresh(self) -> bool:
        """Whether `get` would answer at once."""
        since = self._clock() - self._tried_at
        return self._kept is not None and since < KEPT_SECONDS

    def _refresh(self, max_age_seconds: float) -> None:
        since = self._clock() - self._tried_at
        if since < (RETRY_SECONDS if self._kept is None else max(PAUSE_SECONDS, max_age_seconds)):
            return
        self._tried_at = self._clock()
        try:
            self._kept = self._fetch()
        except Unavailable as error:
            log.warning(
                "the identity provider does not answer", error=error.message, has_old=self._kept is not None
            )
            if self._kept is None:
                raise


def _get_json(url: str) -> Mapping[str, Any]:
    import httpx

    try:
        answer = httpx.get(url, timeout=TIMEOUT_SECONDS, follow_redirects=False)
        answer.raise_for_status()
        document = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise Unavailable(f"the identity provider does not answer at {url}: {error}") from error
    if not isinstance(document, dict):
        raise Unavailable(f"the identity provider answers at {url} with something that is no JSON object")
    return document


def _discover() -> Mapping[str, Any]:
    issuer = settings.OIDC.issuer
    found = _get_json(f"{issuer}/.well-known/openid-configuration")
    if str(found.get("issuer", "")).rstrip("/") != issuer:
        raise Unavailable(
            f"the identity provider at {issuer} calls itself {found.get('issuer')!r}; FLYTEUI_OIDC_ISSUER must be that"
        )
    missing = [
        name for name in ("authorization_endpoint", "token_endpoint", "jwks_uri") if not found.get(name)
    ]
    if missing:
        raise Unavailable(f"the identity provider at {issuer} does not say its {', '.join(missing)}")
    offered = found.get("id_token_signing_alg_values_supported") or ["RS256"]
    taken = [name for name in offered if name in ALGORITHMS]
    if not taken:
        raise Unavailable(
            f"the identity provider at {issuer} signs with {offered}; we take {', '.join(ALGORITHMS)}"
        )
    return {**found, "id_token_signing_alg_values_supported": taken}


def _fetch_jwks() -> Mapping[str, Any]:
    return _get_json(metadata()["jwks_uri"])


_metadata = Document(_discover)
_jwks = Document(_fetch_jwks)


def metadata() -> Mapping[str, Any]:
    """The provider's discovery document, with those signature algorithms only that we take. Raises Unavailable."""
    return _metadata.get()


def jwks(*, max_age_seconds: float = KEPT_SECONDS) -> Mapping[str, Any]:
    """The provider's public keys. Raises Unavailable."""
    return _jwks.get(max_age_seconds=max_age_seconds)


def has_keys() -> bool:
    """Whether a token can be read without asking the provider first; so it is where there is no provider."""
    return settings.AUTH != "oidc" or (_metadata.is_fresh() and _jwks.is_fresh())


def read_claims(token: str) -> Mapping[str, Any] | None:
    """The claims of a bearer: signed by the provider, for us, and in force. None for what is no such JWT.

    Raises Unavailable when the keys cannot be had, so that nobody is told that a good token is bad.
    """
    from joserfc import jwt
    from joserfc.errors import JoseError

    audiences = list(settings.OIDC.audiences)
    # Without an audience joserfc would take any; and then a token for another program of the provider would do.
    if token.count(".") != 2 or len(token) > MAX_TOKEN_BYTES or not audiences:
        return None
    registry = jwt.JWTClaimsRegistry(
        leeway=LEEWAY_SECONDS,
        iss={"essential": True, "value": metadata()["issuer"]},
        aud={"essential": True, "values": audiences},
        exp={"essential": True},
        sub={"essential": True},
    )
    try:
        decoded = _decode(token)
        registry.validate(decoded.claims)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        log.info("a bearer was refused", reason=str(error)[:200])
        return None
    return decoded.claims if str(decoded.header.get("typ", "JWT")).lower() in TYPES else None


def _decode(token: str) -> Token:
    from joserfc import jwt
    from joserfc.errors import InvalidKeyIdError
    from joserfc.jws import JWSRegistry

    # Providers put headers of their own into tokens.
    rules = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
    try:
        return jwt.decode(token, _key_set(jwks()), registry=rules)
    except InvalidKeyIdError:
        return jwt.decode(token, _key_set(jwks(max_age_seconds=0)), registry=rules)


def _key_set(document: Mapping[str, Any]) -> KeySet:
    from joserfc.jwk import KeySet

    return KeySet.import_key_set(cast("KeySetSerialization", document))
