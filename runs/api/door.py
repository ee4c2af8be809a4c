"""The door of the Connect API: whose bearer it is, what the call needs, and the entry of the audit.

A call without a valid credential is answered before its body is read. The subject is kept beside the task of the call.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from typing import Any, TypeVar

from connectrpc.request import RequestContext
from google.protobuf.message import Message

from runs.access import audit, bearers, gate
from runs.access.deeds import Deed, Outcome
from runs.access.members import is_switched_off
from runs.access.rules import Open, Rule, rule_of_rpc
from runs.api.targets import made_by, project_of, shown_target, sources_of, target_of
from runs.domain.errors import FlyteUIError, Forbidden, Unauthenticated
from runs.domain.roles import Role, Subject, Way, projects_with
from runs.store import database

Request = TypeVar("Request")
Response = TypeVar("Response")
Context = RequestContext[Any, Any]

ACTOR_HEADER = "x-flyteui-actor"
# Flyte's requests have no field for it: "1" means, do not wait for the grace periods of what runs.
FORCE_HEADER = "x-flyteui-force"
CHECK_SECONDS = 15.0  # how long a stream goes on without a look at who reads it
CODE = frozenset({Way.RUN, Way.LOCAL})

_subject: ContextVar[Subject | None] = ContextVar("subject of this call", default=None)


async def identify(authorization: str) -> Subject | None:
    """Whoever sends this header; where nobody signs in, the user of the server."""
    if gate.is_open():
        return gate.local_subject()
    token = bearers.read_bearer(authorization)
    return await bearers.identify(token) if token else None


async def enter(path: str, authorization: str) -> None:
    """Verify who calls; raises Unauthenticated when nobody may who is not known. The subject is that of this task from now on."""
    subject = await identify(authorization)
    rule = rule_of_rpc(path)
    if subject is None and (rule is None or rule.needs is not Open.PUBLIC):
        raise Unauthenticated(
            "this server takes no call without a valid credential: sign in, or check the token or key that is sent"
        )
    _subject.set(subject)


async def check_same(subject_id: str, authorization: str) -> None:
    """Raise Unauthenticated where an address that was given to one subject is used by another, or by nobody's user any more.

    Clients send no credential along with such an address, so who sends none is taken for whoever got it.
    """
    if gate.is_open():
        return
    if bearers.read_bearer(authorization):
        subject = await identify(authorization)
        if subject is None or subject.id != subject_id:
            raise Unauthenticated("this address was given to somebody else; ask for one of your own")
    elif await database.read(is_switched_off, subject_id):
        raise Unauthenticated(f"{subject_id} may not sign in any more")


def subject_of(ctx: Context) -> Subject:
    """Who calls, and on behalf of whom."""
    subject = _subject.get()
    if subject is None:
        raise Unauthenticated("nobody has signed in")
    return subject.on_behalf_of(ctx.request_headers().get(ACTOR_HEADER, ""))


def visible_to(ctx: Context) -> frozenset[str] | None:
    """The projects that the caller may read; None means all."""
    return projects_with(subject_of(ctx), Role.VIEWER)


class Gate:
    """The interceptor that asks the gate, and has what was done and what was refused audited."""

    async def intercept_unary(
        self, call_next: Callable[[Request, Context], Awaitable[Response]], request: Request, ctx: Context
    ) -> Response:
        rule = await admit(request, ctx)
        try:
            response = await call_next(request, ctx)
        except FlyteUIError as error:
            await tell(rule, request, ctx, Outcome.FAILED, note=error.message)
            raise
        await tell(rule, request, ctx, Outcome.DONE, made=made_by(response))
        return response

    async def intercept_server_stream(
        self,
        call_next: Callable[[Request, Context], AsyncIterator[Response]],
        request: Request,
        ctx: Context,
    ) -> AsyncIterator[Response]:
        await admit(request, ctx)
        checked_at = time.monotonic()
        stream: Any = call_next(request, ctx)
        try:
            async for message in stream:
                if time.monotonic() - checked_at >= CHECK_SECONDS:
                    # It may have lasted for days: whoever was signed out or lost the role gets nothing more.
                    await check_again(request, ctx)
                    checked_at = time.monotonic()
                yield message
        finally:
            await stream.aclose()


async def check_again(request: Any, ctx: Context) -> None:
    """Raise Unauthenticated or Forbidden where the call would not be let in any more."""
    authorization = ctx.request_headers().get("authorization", "")
    await enter(f"{ctx.method().service_name}/{ctx.method().name}", authorization)
    await admit(request, ctx)


async def admit(request: Any, ctx: Context) -> Rule | None:
    """Let the call pass, or raise Forbidden, which the audit then knows. Projects that are only read take a viewer."""
    rule = rule_of_rpc(f"{ctx.method().service_name}/{ctx.method().name}")
    subject = _subject.get()
    try:
        gate.admit(subject, rule, project_of(request))
        for project in sources_of(request):
            gate.admit(subject, Rule(Role.VIEWER), project)
    except Forbidden as error:
        await tell(rule, request, ctx, Outcome.REFUSED, note=error.message)
        raise
    return rule


async def tell(
    rule: Rule | None,
    request: Any,
    ctx: Context,
    outcome: Outcome,
    *,
    note: str = "",
    made: tuple[str, ...] = (),
) -> None:
    """Write the entry of a call, if its rule has a deed."""
    if rule is None or rule.deed is None:
        return
    subject = subject_of(ctx)
    if rule.is_of_code and outcome is not Outcome.REFUSED and subject.way in CODE:
        return
    target = "/".join(made) or shown_target(request)
    await audit.record_soon(
        audit.entry_of(
            subject, deed_of(rule.deed, ctx), outcome=outcome, project=next(iter(made or target_of(request)), ""), target=target,
            note=note or reason_of(request),
        )
    )  # fmt: skip


def deed_of(deed: Deed, ctx: Context) -> Deed:
    is_forced = deed is Deed.ABORT and ctx.request_headers().get(FORCE_HEADER) == "1"
    return Deed.FORCE if is_forced else deed


def reason_of(request: Message) -> str:
    return str(getattr(request, "reason", ""))
