"""The table of the gate has every RPC, URL and socket that is mounted; what it does not have is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver

from flyteui import asgi, urls
from runs.access.rules import OWN, RPCS, SOCKETS, URLS, Open
from runs.api.asgi import SERVICES
from runs.domain.roles import Role

# What programs and browsers need before anybody has signed in.
SIGNING_IN = {
    "oauth2_provider:device-authorization",
    "oauth2_provider:token",
    "oauth2_provider:revoke-token",
    "oauth-metadata",
    "oidc-sign-in",
    "oidc-callback",
}
PUBLIC_URLS = {
    "docs",
    "docs-file",
    "sign-in",
    "sign-out",
    "panes",
    "healthz",
    "readyz",
    "favicon",
} | SIGNING_IN


def methods(service: str) -> set[str]:
    """All methods of a mounted service, those too that nobody has written."""
    mounted = SERVICES[f"/{service}"]
    return {path.rpartition("/")[2] for path in mounted._endpoints(mounted._service)}


def test_every_rpc_of_every_mounted_service_has_its_rule() -> None:
    missing = {
        path: sorted(methods(path[1:]) - RPCS.get(path[1:], {}).keys())
        for path in SERVICES
        if methods(path[1:]) - RPCS.get(path[1:], {}).keys()
    }

    assert missing == {}


def test_the_table_names_no_rpc_that_flyte_does_not_have() -> None:
    unknown = {
        service: sorted(rules.keys() - methods(service))
        for service, rules in RPCS.items()
        if f"/{service}" in SERVICES and rules.keys() - methods(service)
    }

    assert unknown == {}


def url_names(patterns: list[Any], inside: str = "") -> Iterator[str]:
    """The names under which the gate knows the URLs; one without a name has the name of its route, which no table has."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from url_names(pattern.url_patterns, pattern.namespace or inside)
        else:
            assert isinstance(pattern, URLPattern)
            name = pattern.name or str(pattern.pattern)
            yield "admin" if inside == "admin" else f"{inside}:{name}" if inside else name


def test_every_url_has_its_rule() -> None:
    assert sorted(set(url_names(urls.urlpatterns)) - URLS.keys()) == []
    assert sorted(URLS.keys() - set(url_names(urls.urlpatterns))) == []


def test_few_urls_are_for_everybody() -> None:
    assert {name for name, rule in URLS.items() if rule.needs is Open.PUBLIC} == PUBLIC_URLS
    assert [name for name, rule in URLS.items() if rule is OWN] == ["metrics"]


def socket_routes(application: Any) -> Iterator[str]:
    """Every path at which a socket opens, whatever is around the routers."""
    for route in getattr(application, "routes", ()):
        pattern = str(route.pattern)
        if pattern:
            yield pattern
        yield from socket_routes(route.callback)
    if hasattr(application, "application"):
        yield from socket_routes(application.application)


def test_every_socket_has_its_rule() -> None:
    application: Any = asgi.application
    while not hasattr(application, "application_mapping"):
        application = application.application  # what is around all protocols

    assert set(socket_routes(application.application_mapping["websocket"])) == SOCKETS.keys()


def test_what_changes_something_takes_more_than_a_viewer() -> None:
    rules = [rule for rules in (*RPCS.values(), URLS) for rule in rules.values()]

    assert all(isinstance(rule.needs, Role) and rule.needs > Role.VIEWER for rule in rules if rule.deed)
