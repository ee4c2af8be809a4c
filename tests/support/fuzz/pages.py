"""Random requests of each page, from the URL patterns; and random messages of the sockets that pages open."""

from __future__ import annotations

import json
from typing import get_args
from urllib.parse import quote, unquote, urlencode

import msgspec
from django.urls import URLPattern
from hypothesis import strategies as st

from flyteui.urls import urlpatterns
from runs.protocol.messages import Message
from tests.support.fuzz.sender import Request
from tests.support.fuzz.structs import Strategies, of_type
from tests.support.fuzz.values import any_json, damaged, numbers, texts

# As CSRF's cookie and form have it: 32 letters are a secret.
TOKEN = "a" * 32
KEYS = (
    "tab", "attempt", "line", "before", "after", "around", "q", "stream", "name", "phase", "group", "under", "beside", "owner", "status", "page", "action", "reason", "names",
    "value", "answer", "force", "scope", "first", "count", "depth", "text", "looks", "panel", "next", "cursor", "message",
)  # fmt: skip
ADMIN = (
    "",
    "runs/run/",
    "runs/action/",
    "runs/executor/",
    "auth/user/",
    "runs/run/1/change/",
    "runs/action/?o=9.x",
    "x/y/",
)
ADMIN_KEYS = (
    "q",
    "o",
    "p",
    "e",
    "all",
    "phase__exact",
    "id__gt",
    "run__id__exact",
    "project__name",
    "_popup",
)


@st.composite
def requests(draw: st.DrawFn, known: list[str], *, session: str) -> Request:
    """A request of a browser. session: the cookie of somebody who may see the admin site."""
    cookie = f"csrftoken={TOKEN}"
    keys: tuple[str, ...]
    if draw(st.integers(0, 9)) == 0:
        path, keys = f"/admin/{draw(st.sampled_from(ADMIN))}", ADMIN_KEYS
        cookie += f"; sessionid={session}"
        method = "GET"
    else:
        path, keys = draw(_paths(known)), KEYS
        method = draw(st.sampled_from(["GET", "GET", "POST", "POST", "HEAD", "PUT", "DELETE"]))
    path, _, query = path.partition("?")
    pairs = st.lists(st.tuples(st.sampled_from(keys), texts(known)), max_size=4)
    query = query or urlencode(draw(pairs))
    kind, body = draw(_bodies(known, pairs)) if method in {"POST", "PUT"} else ("", b"")
    headers = [
        (b"host", b"localhost"), (b"cookie", cookie.encode()), (b"content-type", kind.encode()), (b"x-csrftoken", TOKEN.encode()),
        (b"content-length", str(len(body)).encode()),
    ]  # fmt: skip
    if draw(st.booleans()):
        headers.append((b"hx-request", b"true"))
    return Request(method, path, query.encode(), headers, body)


@st.composite
def _paths(draw: st.DrawFn, known: list[str]) -> str:
    routes = [str(one.pattern) for one in urlpatterns if isinstance(one, URLPattern)]
    parts = draw(st.sampled_from(routes)).split("/")
    filled = [quote(draw(texts(known)), safe="") if part.startswith("<") else part for part in parts]
    # As Daphne gives it to an application. A proxy of the world outside would leave a NUL quoted.
    return "/" + unquote("/".join(filled)).replace("?", "")


def _bodies(
    known: list[str], pairs: st.SearchStrategy[list[tuple[str, str]]]
) -> st.SearchStrategy[tuple[str, bytes]]:
    form = pairs.map(lambda found: ("application/x-www-form-urlencoded", urlencode(found).encode()))
    fixed = st.fixed_dictionaries(
        {},
        optional={key: any_json(known) for key in ("names", "phase", "group", "under", "beside", "reason")},
    )
    sane = st.fixed_dictionaries(
        {"names": st.lists(texts(known), max_size=3), "reason": texts(known)},
        optional={key: texts(known) for key in ("phase", "group", "under", "beside")},
    )
    told = st.one_of(fixed, sane, any_json(known)).map(lambda found: json.dumps(found).encode())
    broken = told.flatmap(damaged)
    return st.one_of(form, st.one_of(told, broken).map(lambda body: ("application/json", body)))


def socket_paths(known: list[str], run_id: int) -> st.SearchStrategy[str]:
    there = st.sampled_from(
        [f"/ws/run/{run_id}/"] * 4 + ["/ws/executors/", "/ws/runs/flytesnacks/development/"]
    )
    strange = texts(known).map(lambda text: f"/ws/runs/{text}/development/")
    return st.one_of(there, there, strange, numbers().map(lambda number: f"/ws/run/{number}/"))


@st.composite
def socket_messages(draw: st.DrawFn, known: list[str]) -> list[str]:
    """What a page says, a hello first mostly."""
    kinds = list(get_args(Message))
    first = next(kind for kind in kinds if kind.__name__ == "Hello")
    leaves: Strategies = {
        str: texts(known),
        int: st.one_of(st.integers(-1, 300), numbers(-(2**63), 2**53 + 5)),
    }
    made = [draw(of_type(first, leaves))] if draw(st.integers(0, 9)) else []
    made += [draw(of_type(draw(st.sampled_from(kinds)), leaves)) for _ in range(draw(st.integers(0, 3)))]
    said = [msgspec.json.encode(one).decode() for one in made]
    if draw(st.integers(0, 3)) == 0:
        said.append(draw(damaged(said[-1].encode() if said else b"{}")).decode("latin-1"))
    return said
