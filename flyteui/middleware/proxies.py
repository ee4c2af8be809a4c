"""What a proxy in front of us says about a request: believed from addresses that are trusted, and removed from everybody else's.

Behind it each application reads the scope as if the client had come to us directly: scheme, client, Host.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import structlog
from django.core.exceptions import ImproperlyConfigured

Network = IPv4Network | IPv6Network
SETTING = "FLYTEUI_TRUSTED_PROXIES"
FOR, PROTO, HOST = b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"
# No application sees one of these, whoever has sent it.
REMOVED = frozenset(
    {
        FOR,
        PROTO,
        HOST,
        b"forwarded",
        b"x-forwarded-port",
        b"x-forwarded-server",
        b"x-forwarded-ssl",
        b"x-real-ip",
    }
)
SECURE = {"http": "https", "ws": "wss"}

log = structlog.get_logger(__name__)


def read_networks(text: str) -> tuple[Network, ...]:
    """Addresses and networks, separated by commas. Raises ImproperlyConfigured, which names the one that is neither."""
    try:
        return tuple(ip_network(one.strip()) for one in text.split(",") if one.strip())
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{SETTING}: {error}; it must be addresses or networks like 10.0.0.7,172.16.0.0/12, separated by commas"
        ) from error


def is_within(address: str, networks: Iterable[Network]) -> bool:
    """Whether this is an address in one of the networks."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return any(found in network for network in networks)


class TrustedProxies:
    """Around an ASGI application of HTTP and WebSockets. is_secure: our own port speaks TLS."""

    def __init__(self, application: Any, networks: tuple[Network, ...], *, is_secure: bool = False) -> None:
        self.application = application
        self._networks = networks
        self._is_secure = is_secure

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await self.application(self._seen_from_outside(scope), receive, send)

    def _seen_from_outside(self, scope: dict[str, Any]) -> dict[str, Any]:
        said = [(name, value) for name, value in scope["headers"] if name in REMOVED]
        plain = "ws" if scope["type"] == "websocket" else "http"
        # Daphne gives a WebSocket no scheme.
        seen = {**scope, "scheme": SECURE[plain] if self._is_secure else plain}
        if not said:
            return seen
        seen["headers"] = [(name, value) for name, value in scope["headers"] if name not in REMOVED]
        peer = scope.get("client")
        if peer is None or not is_within(peer[0], self._networks):
            log.warning(
                "what a proxy says is not believed: its address is not among those that are trusted",
                setting=SETTING, address=peer and peer[0], headers=sorted({name.decode("latin-1") for name, _ in said}),
            )  # fmt: skip
            return seen
        if proto := last(said, PROTO):
            seen["scheme"] = SECURE[plain] if proto in SECURE.values() else plain
        if host := last(said, HOST):
            others = [(name, value) for name, value in seen["headers"] if name != b"host"]
            seen["headers"] = [*others, (b"host", host.encode("latin-1"))]
        if client := self._client(said):
            seen["client"] = [client, 0]
        return seen

    def _client(self, said: list[tuple[bytes, bytes]]) -> str:
        """The last address in the chain that is no proxy of ours: what stands before it anybody could have written."""
        chain = elements(said, FOR)
        while chain:
            address = without_port(chain.pop())
            if not is_within(address, self._networks) or not chain:
                return address
        return ""


def elements(headers: list[tuple[bytes, bytes]], name: bytes) -> list[str]:
    """The elements of all headers of this name, in their order."""
    text = ",".join(value.decode("latin-1") for found, value in headers if found == name)
    return [one.strip() for one in text.split(",") if one.strip()]


def last(headers: list[tuple[bytes, bytes]], name: bytes) -> str:
    """The last element, which the proxy next to us has written; "" when there is none."""
    return (elements(headers, name) or [""])[-1].lower()


def without_port(address: str) -> str:
    """The address, of which some proxies send the port too: 10.0.0.1:4711, [::1]:4711."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, _, port = address.rpartition(":")
    return host if host and ":" not in host and port.isdigit() else address
