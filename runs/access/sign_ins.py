"""Entries of the audit for sign-ins, whichever page or provider they come by: Django tells of all of them by its signals.

Connected when Django starts (runs/apps.py).
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest

from runs.access.audit import entry_of, record
from runs.access.deeds import Deed, Outcome
from runs.access.sessions import subject_of_user
from runs.domain.roles import Way


def connect() -> None:
    user_logged_in.connect(signed_in, dispatch_uid="audit of sign-ins")
    user_logged_out.connect(signed_out, dispatch_uid="audit of sign-outs")
    user_login_failed.connect(failed, dispatch_uid="audit of failed sign-ins")


def signed_in(sender: object, request: HttpRequest | None, user: Any, **more: object) -> None:
    record(entry_of(subject_of_user(user, way_of(request)), Deed.SIGN_IN, note=address_of(request)))


def signed_out(sender: object, request: HttpRequest | None, user: Any, **more: object) -> None:
    if user is not None:
        record(entry_of(subject_of_user(user, way_of(request)), Deed.SIGN_OUT))


def failed(
    sender: object, credentials: dict[str, Any], request: HttpRequest | None = None, **more: object
) -> None:
    """Nobody was verified, so the name that was tried is the target. Django has taken the password out."""
    tried = str(credentials.get("username", ""))
    record(entry_of(None, Deed.SIGN_IN, outcome=Outcome.FAILED, target=tried, note=address_of(request)))


def way_of(request: HttpRequest | None) -> Way:
    return Way.ADMIN if request and request.path.startswith("/admin/") else Way.PAGE


def address_of(request: HttpRequest | None) -> str:
    return f"from {request.META.get('REMOTE_ADDR', '?')}" if request else ""
