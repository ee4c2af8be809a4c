"""Attacks with tokens that an identity provider has signed, or should have."""

from __future__ import annotations

import base64
import hmac
import json
import threading
from dataclasses import replace
from typing import Any

import pytest

from runs.access.bearers import read_bearer, subject_of_bearer
from runs.access.oidc import provider as its
from runs.domain.errors import Unavailable
from tests.support.made_up_provider import PAGES, MadeUpProvider, make_key

pytestmark = pytest.mark.usefixtures("transactional_db")


def part(value: Any) -> str:
    """A part of a JWT."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_good_token_is_taken(provider: MadeUpProvider) -> None:
    assert subject_of_bearer(provider.sign(provider.claims())) is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": PAGES},
        {"aud": ["somebody", "else"]},
        {"aud": None},
        {"iss": "http://127.0.0.1:1"},
        {"iss": None},
        {"exp": -3600},
        {"exp": None},
        {"exp": float("nan")},
        {"nbf": 3600},
        {"iat": 3600},
        {"sub": None},
        {"sub": ["ada"]},
    ],
    ids=str,
)
def test_a_token_that_is_not_for_us_or_not_for_now_is_refused(
    provider: MadeUpProvider, changes: dict[str, Any]
) -> None:
    assert subject_of_bearer(provider.sign(provider.claims(**changes))) is None


def test_a_token_without_a_signature_is_refused(provider: MadeUpProvider) -> None:
    for algorithm in ("none", "None", "NONE", ""):
        body = f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(provider.claims())}"
        assert subject_of_bearer(f"{body}.") is None
        assert subject_of_bearer(f"{body}.{part('x')}") is None


def test_a_public_key_is_no_shared_secret(provider: MadeUpProvider) -> None:
    public = provider.keys[0].as_pem(private=False)
    body = f"{part({'alg': 'HS256', 'kid': 'one', 'typ': 'JWT'})}.{part(provider.claims())}"
    signature = base64.urlsafe_b64encode(hmac.digest(public, body.encode(), "sha256")).rstrip(b"=").decode()
    forged = f"{body}.{signature}"

    assert subject_of_bearer(forged) is None


def test_a_token_of_somebody_elses_key_is_refused(provider: MadeUpProvider) -> None:
    forged = provider.sign(provider.claims(), key=make_key("stranger"), kid="one")

    assert subject_of_bearer(forged) is None


def test_a_key_that_comes_with_the_token_is_not_believed(provider: MadeUpProvider) -> None:
    stranger = make_key("mine")
    head = {"jwk": stranger.as_dict(private=False), "jku": "http://127.0.0.1:1/jwks", "kid": "mine"}

    assert subject_of_bearer(provider.sign(provider.claims(), key=stranger, **head)) is None


def test_a_token_of_another_kind_is_refused(provider: MadeUpProvider) -> None:
    assert subject_of_bearer(provider.sign(provider.claims(), typ="logout+jwt")) is None
    assert subject_of_bearer(provider.sign(provider.claims(), typ="at+jwt")) is not None


def test_a_token_that_was_changed_is_refused(provider: MadeUpProvider) -> None:
    head, _, signature = provider.sign(provider.claims()).split(".")
    _, body, _ = provider.sign(provider.claims(sub="somebody-else")).split(".")

    assert subject_of_bearer(f"{head}.{body}.{signature}") is None


def test_without_an_audience_no_token_is_for_us(provider: MadeUpProvider, settings: Any) -> None:
    settings.OIDC = replace(settings.OIDC, audiences=())

    assert subject_of_bearer(provider.sign(provider.claims())) is None


def test_keys_that_are_new_are_fetched_and_unknown_ones_not_at_each_token(provider: MadeUpProvider) -> None:
    assert subject_of_bearer(provider.sign(provider.claims())) is not None
    its._jwks._tried_at -= its.PAUSE_SECONDS
    provider.keys.append(make_key("two"))
    rotated = provider.sign(provider.claims(), key=provider.keys[1])

    assert subject_of_bearer(rotated) is not None
    stranger = make_key("three")
    for _ in range(20):
        assert subject_of_bearer(provider.sign(provider.claims(), key=stranger)) is None
    assert provider.asked["/jwks"] == 2


def test_a_provider_that_is_down_spoils_nothing_that_is_known(provider: MadeUpProvider) -> None:
    token = provider.sign(provider.claims())
    assert subject_of_bearer(token) is not None
    provider.is_down = True
    for document in (its._jwks, its._metadata):
        document._tried_at -= its.KEPT_SECONDS

    assert subject_of_bearer(token) is not None


def test_nobody_is_told_that_a_token_is_bad_when_nobody_could_look(provider: MadeUpProvider) -> None:
    provider.is_down = True

    for _ in range(3):
        with pytest.raises(Unavailable, match="the identity provider"):
            subject_of_bearer(provider.sign(provider.claims()))
    assert sum(provider.asked.values()) == 1, "and it is asked once a second at most"


def test_while_new_keys_are_fetched_the_old_ones_hold() -> None:
    asked, may_go_on, now = threading.Event(), threading.Event(), 0.0

    def fetch() -> dict[str, int]:
        if not now:
            return {"age": 1}
        asked.set()
        assert may_go_on.wait(120)
        return {"age": 2}

    document = its.Document(fetch, clock=lambda: now)
    assert document.get() == {"age": 1}
    now = its.KEPT_SECONDS
    other = threading.Thread(target=document.get)
    other.start()
    assert asked.wait(120)

    assert document.get() == {"age": 1}

    may_go_on.set()
    other.join(120)
    assert document.get() == {"age": 2}


def test_a_provider_that_calls_itself_otherwise_is_not_believed(provider: MadeUpProvider) -> None:
    provider.metadata["issuer"] = "https://evil.example"

    with pytest.raises(Unavailable, match=r"calls itself 'https://evil\.example'"):
        its.metadata()


@pytest.mark.parametrize(
    "token", ["", "x", "a.b.c", "..", "é.é.é", "\x00.\x00.\x00", "e30.e30.e30", "bnVsbA.bnVsbA.bnVsbA", "a" * 99_999, "." * 500,
              f"{'a' * 40_000}.b.c", "Og==", "Ojo6", "bG9jYWxob3N0OmtleS14OngK"], ids=lambda token: token[:12]
)  # fmt: skip
def test_what_is_no_token_is_nobody(provider: MadeUpProvider, token: str) -> None:
    assert subject_of_bearer(token) is None


@pytest.mark.parametrize("header", ["", "Bearer", "Basic x", "bearerx y", "Bearer "])
def test_only_a_bearer_is_a_bearer(header: str) -> None:
    assert read_bearer(header) == ""


def test_a_token_of_the_provider_is_nothing_in_other_modes(provider: MadeUpProvider, settings: Any) -> None:
    settings.AUTH = "password"

    assert subject_of_bearer(provider.sign(provider.claims())) is None
