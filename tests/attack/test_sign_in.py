"""Passwords cannot be tried without an end, and nobody locks out a colleague who sits elsewhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

pytestmark = pytest.mark.django_db(transaction=True)
RIGHT, LIMIT = "the right one", 3
HERE, ELSEWHERE = "203.0.113.9", "198.51.100.1"


@pytest.fixture(autouse=True)
def password(settings: Any) -> None:
    settings.AUTH = "password"
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher"
    ]  # each of PBKDF2 takes 0.2 s of a processor
    settings.AXES_FAILURE_LIMIT = LIMIT
    for name in ("ann", "bob"):
        User.objects.create_user(name, password=RIGHT)


def sign_in(name: str, password: str, *, address: str = HERE, path: str = "/sign-in/") -> Any:
    return Client(REMOTE_ADDR=address).post(path, {"username": name, "password": password})


def fail(name: str, times: int = LIMIT, **where: str) -> list[int]:
    return [sign_in(name, f"wrong {number}", **where).status_code for number in range(times)]


def test_after_some_wrong_passwords_the_right_one_is_not_tried_either():
    assert fail("ann", LIMIT + 2) == [401] * (LIMIT - 1) + [429] * 3

    answer = sign_in("ann", RIGHT)

    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "900"
    assert "Too many wrong passwords" in answer.content.decode()
    assert "15 minutes" in answer.content.decode()


def test_the_admin_site_has_no_second_form_that_could_be_tried():
    answer = sign_in("ann", RIGHT, path="/admin/login/")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in/")


def test_others_sign_in_meanwhile_and_so_does_the_same_name_elsewhere():
    fail("ann")

    assert sign_in("bob", RIGHT).status_code == 302
    assert sign_in("ann", RIGHT, address=ELSEWHERE).status_code == 302


def test_the_pause_ends(settings: Any):
    fail("ann")
    assert sign_in("ann", RIGHT).status_code == 429

    AccessAttempt.objects.update(
        attempt_time=timezone.now() - settings.AXES_COOLOFF_TIME - timedelta(seconds=1)
    )

    assert sign_in("ann", RIGHT).status_code == 302


def test_the_right_password_forgets_the_wrong_ones():
    for _ in range(3):
        assert fail("ann", LIMIT - 1) == [401] * (LIMIT - 1)
        assert sign_in("ann", RIGHT).status_code == 302


def test_a_name_that_does_not_exist_is_answered_alike():
    assert fail("nobody", LIMIT + 1) == fail("ann", LIMIT + 1)
