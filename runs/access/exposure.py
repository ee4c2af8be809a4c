"""Whether this server may listen where it does: where nobody signs in, on this machine only."""

from __future__ import annotations

import ipaddress

from django.conf import settings


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def find_exposure(host: str = "") -> str:
    """What is wrong with the settings, and what to set; "" when they are safe, or when somebody has insisted.

    host: where the server is about to listen, if not at FLYTEUI_HOST.
    """
    host = host or settings.HOST
    if settings.AUTH != "none" or is_loopback(host) or settings.INSECURE:
        return ""
    return (
        f"FLYTEUI_HOST is {host!r}, so other machines reach this server, and FLYTEUI_AUTH is 'none', so each of "
        "their users could run code on it. Set FLYTEUI_AUTH=password (users of this server, made with `flyteui createuser`) "
        "or FLYTEUI_AUTH=oidc (those of your identity provider); or set FLYTEUI_HOST=127.0.0.1. FLYTEUI_INSECURE=1 starts it "
        "all the same, with a banner on every page"
    )


def find_open_address() -> str:
    """The address on which everybody may do everything because somebody has insisted; "" when there is none."""
    is_open = settings.AUTH == "none" and settings.INSECURE and not is_loopback(settings.HOST)
    return f"{settings.HOST}:{settings.PORT}" if is_open else ""
