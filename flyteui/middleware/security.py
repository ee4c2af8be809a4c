"""Security headers of all answers, the content security policy of pages first of all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase

# 'self' covers ws:// and wss:// to the same host in every current browser; older Safari wanted the scheme spelled out.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Of every answer that does not say otherwise: nobody keeps it, and no page of another site embeds it.
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
PAGE_HEADERS = {
    **HEADERS,
    # A proxy keeps none. Nor does a browser, but for the page of the Back button, which no-store would have it load again; what
    # it shows then is live, and asks who reads it, as soon as its socket is open.
    "Cache-Control": "private, no-cache",
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class SecurityHeaders:
    """Middleware: adds the headers that an answer does not have. No inline script or style is allowed anywhere."""

    sync_capable = True
    async_capable = True

    def __init__(
        self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]
    ) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        response = self.get_response(request)
        if isinstance(response, HttpResponseBase):
            return with_headers(response)
        return later(response)


async def later(response: Awaitable[HttpResponseBase]) -> HttpResponseBase:
    return with_headers(await response)


def with_headers(response: HttpResponseBase) -> HttpResponseBase:
    # A form whose answer is a redirect to another origin says so (runs/views/sign_in/oauth.py); browsers hold the redirect to the policy too.
    if target := getattr(response, "form_target", ""):
        policy = POLICY.replace("form-action 'self'", f"form-action 'self' {target}")
        response.headers.setdefault("Content-Security-Policy", policy)
    for name, value in PAGE_HEADERS.items():
        response.headers.setdefault(name, value)
    return response


class CallHeaders:
    """The same around the ASGI application of calls and uploads, which Django's middleware does not see."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                names = {name.lower() for name, _ in given}
                missing = [
                    (name.lower().encode(), value.encode())
                    for name, value in HEADERS.items()
                    if name.lower().encode() not in names
                ]
                message = message | {"headers": [*given, *missing]}
            await send(message)

        await self.application(scope, receive, send_with_headers)
