"""What a proxy says is believed from proxies only; behind one that speaks TLS our own pages work."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIHandler
from django.test import override_settings

from flyteui.middleware.border import is_of_our_page
from flyteui.middleware.proxies import TrustedProxies, read_networks
from tests.support import factories

PROXY = "10.0.0.7"
PUBLIC = "https://flyteui.example.com"
SAID = {
    "x-forwarded-for": "203.0.113.9",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "flyteui.example.com",
}
RUN = "/v2/domain/development/project/flytesnacks/runs/run1"
SECONDS = 20


class Seen:
    """An application that keeps the scope that it is given."""

    scope: dict[str, Any]

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.scope = scope

    def header(self, name: str) -> list[str]:
        return [value.decode() for found, value in self.scope["headers"] if found == name.encode()]


async def come(
    headers: dict[str, str] | list[tuple[str, str]],
    *,
    peer: str = PROXY,
    trusted: str = "10.0.0.0/24,::1",
    kind: str = "http",
    is_secure: bool = False,
) -> Seen:
    seen = Seen()
    pairs = headers.items() if isinstance(headers, dict) else headers
    scope = {
        "type": kind, "client": [peer, 4711] if peer else None,
        "headers": [(b"host", b"127.0.0.1:8000"), *((name.encode(), value.encode()) for name, value in pairs)],
    }  # fmt: skip
    await TrustedProxies(seen, read_networks(trusted), is_secure=is_secure)(scope, None, None)
    return seen


@pytest.mark.parametrize(("kind", "scheme"), [("http", "https"), ("websocket", "wss")])
async def test_a_trusted_proxy_says_who_asks_and_how(kind: str, scheme: str):
    seen = await come(SAID, kind=kind)

    assert seen.scope["scheme"] == scheme
    assert seen.scope["client"] == ["203.0.113.9", 0]
    assert seen.header("host") == ["flyteui.example.com"]


@pytest.mark.parametrize("peer", ["203.0.113.1", "10.0.1.7", "::2", "not-an-address", ""])
@pytest.mark.parametrize("trusted", ["10.0.0.0/24,::1", ""])
async def test_nobody_else_is_believed(peer: str, trusted: str):
    seen = await come(SAID, peer=peer, trusted=trusted)

    assert seen.scope["scheme"] == "http"
    assert seen.scope["client"] == ([peer, 4711] if peer else None)
    assert seen.header("host") == ["127.0.0.1:8000"]


@pytest.mark.parametrize("peer", [PROXY, "203.0.113.1"])
async def test_no_application_sees_the_headers_of_a_proxy(peer: str):
    names = [*SAID, "forwarded", "x-real-ip", "x-forwarded-port", "x-forwarded-server", "x-forwarded-ssl"]

    seen = await come(dict.fromkeys(names, "a"), peer=peer)

    assert [name for name, _ in seen.scope["headers"]] == [b"host"] or peer == PROXY
    assert not [name for name, _ in seen.scope["headers"] if name.decode() in names]


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("1.2.3.4, 203.0.113.9", "203.0.113.9"),  # the client has made up the first
        ("1.2.3.4, 203.0.113.9, 10.0.0.8", "203.0.113.9"),  # through two proxies of ours
        ("10.0.0.9, 10.0.0.8", "10.0.0.9"),
        ("203.0.113.9:52000", "203.0.113.9"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
async def test_of_a_chain_the_last_address_counts_that_is_no_proxy_of_ours(chain: str, client: str):
    assert (await come({"x-forwarded-for": chain})).scope["client"] == [client, 0]


async def test_of_several_headers_the_one_of_the_nearest_proxy_counts():
    said = [
        ("x-forwarded-proto", "https"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "evil, good.example"),
    ]

    seen = await come(said)

    assert (seen.scope["scheme"], seen.header("host")) == ("http", ["good.example"])


async def test_an_address_of_four_bytes_in_one_of_sixteen_is_the_same():
    assert (await come(SAID, peer="::ffff:10.0.0.7")).scope["scheme"] == "https"


async def test_without_a_proxy_our_own_certificate_decides():
    assert (await come({}, is_secure=True)).scope["scheme"] == "https"
    assert (await come({}, is_secure=True, kind="websocket")).scope["scheme"] == "wss"
    assert (await come({}, kind="websocket")).scope["scheme"] == "ws"


@pytest.mark.parametrize("text", ["10.0.0.0/33", "proxy.example.com", "10.0.0.1/24"])
def test_what_is_no_network_is_named(text: str):
    with pytest.raises(ImproperlyConfigured, match=r"FLYTEUI_TRUSTED_PROXIES.*" + text.partition("/")[0]):
        read_networks(f"127.0.0.1, {text}")


def of_page(scheme: str, host: str, origin: str) -> bool:
    scope = {"scheme": scheme, "headers": [(b"host", host.encode()), (b"origin", origin.encode())]}
    return is_of_our_page(scope, PUBLIC, ["flyteui.example.com", "other.example.com"])


def test_a_socket_must_come_from_the_public_url_or_from_where_it_goes_to():
    assert of_page("wss", "flyteui.example.com", PUBLIC)
    assert of_page(
        "ws", "127.0.0.1:8000", PUBLIC
    )  # its proxy is not trusted; the browser has seen the page there
    assert of_page("wss", "other.example.com", "https://other.example.com")
    assert not of_page("wss", "flyteui.example.com", "http://flyteui.example.com")
    assert not of_page("wss", "flyteui.example.com", "https://flyteui.example.com:8443")
    assert not of_page("wss", "flyteui.example.com", "https://other.example.com")
    assert not of_page("wss", "evil.example", "https://evil.example")


DEPLOYED = {
    "ALLOWED_HOSTS": ["flyteui.example.com", "127.0.0.1"], "CSRF_TRUSTED_ORIGINS": [PUBLIC],
    "SESSION_COOKIE_SECURE": True, "CSRF_COOKIE_SECURE": True, "SECURE_HSTS_SECONDS": 1000,
}  # fmt: skip


def browser(trusted: str) -> httpx.AsyncClient:
    """A browser's connection to a proxy that speaks TLS, from which we get plain HTTP."""
    # Made anew: middleware reads the settings when it is made.
    application: Any = TrustedProxies(ASGIHandler(), read_networks(trusted))
    behind = httpx.ASGITransport(application, client=(PROXY, 4711))

    class Proxy(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            request.headers.update(SAID if trusted else {**SAID, "host": "flyteui.example.com"})
            request.url = request.url.copy_with(scheme="http")
            return await behind.handle_async_request(request)

    return httpx.AsyncClient(transport=Proxy(), base_url=PUBLIC)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("trusted", [PROXY, ""], ids=["trusted", "forgotten"])
async def test_the_abort_of_our_own_page_is_taken_behind_a_proxy_that_speaks_tls(trusted: str):
    await sync_to_async(factories.make_run)("2")
    with override_settings(**DEPLOYED):
        async with browser(trusted) as client:
            page = await client.get(RUN)
            form = {"action": "a0", "csrfmiddlewaretoken": client.cookies["csrftoken"]}
            answer = await client.post(f"{RUN}/abort", data=form, headers={"origin": PUBLIC})
            forged = await client.post(f"{RUN}/abort", data=form, headers={"origin": "https://evil.example"})

    assert page.status_code == 200
    assert "secure" in page.headers["set-cookie"].lower()
    assert answer.status_code < 400
    assert forged.status_code == 403
    assert ("strict-transport-security" in page.headers) == bool(trusted)


@pytest.mark.django_db(transaction=True)
async def test_the_socket_of_our_own_page_opens_behind_it():
    from flyteui.asgi import application

    headers = [(b"host", b"localhost"), (b"origin", b"https://localhost"), (b"x-forwarded-proto", b"https")]
    socket = WebsocketCommunicator(
        TrustedProxies(application.application, read_networks("127.0.0.1")), "/ws/executors/", headers
    )
    socket.scope["client"] = ("127.0.0.1", 4711)

    assert (await socket.connect(timeout=SECONDS))[0]
    await socket.disconnect()
