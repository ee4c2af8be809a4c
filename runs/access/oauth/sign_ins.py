"""Entries of the audit for programs that sign in at our provider, and for what looks like a theft.

A key that asks for its next token, and a client that refreshes, did not just sign in. Whoever tries nonsense is in the server's log
only: anybody can, as often as they like.
"""

from __future__ import annotations

import hashlib
import json

from django.http import HttpRequest
from oauth2_provider.models import RefreshToken

from runs.access.audit import Entry, entry_of
from runs.access.deeds import Deed, Outcome
from runs.access.oauth import tokens
from runs.access.oauth.clients import DEVICE_GRANT
from runs.access.sign_ins import address_of

BY_A_PERSON = {"authorization_code": "in a browser", DEVICE_GRANT: "with the code of a device"}
REUSED = "a refresh token came a second time; all that came of it has ended"


def of_token(request: HttpRequest, answer: bytes) -> Entry | None:
    """What to write down of a request for a token. answer: the JSON with the tokens; empty when it was refused."""
    grant = request.POST.get("grant_type", "")
    if answer and grant in BY_A_PERSON:
        subject = tokens.find_subject(json.loads(answer)["access_token"])
        return entry_of(subject, Deed.SIGN_IN, note=f"{BY_A_PERSON[grant]}, {address_of(request)}")
    if not answer and grant == "refresh_token":
        return _of_reuse(request)
    return None


def _of_reuse(request: HttpRequest) -> Entry | None:
    checksum = hashlib.sha256(request.POST.get("refresh_token", "").encode()).hexdigest()
    used = RefreshToken.objects.filter(token_checksum=checksum, revoked__isnull=False)
    name = used.values_list("user__username", flat=True).first()
    if name is None:
        return None
    note = f"{REUSED}, {address_of(request)}"
    return entry_of(None, Deed.SIGN_IN, outcome=Outcome.FAILED, target=name, note=note)
