"""What becomes of secrets when the server's key changes: the doctor finds them, and a command encrypts them anew."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from runs.doctor import checks
from runs.domain.secrets import SecretRef
from runs.engine import secrets

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def found() -> list[str]:
    limits = checks.Limits(timezone.now(), refusing=HOUR, waiting=HOUR, lease=HOUR, max_executors=8)
    return [one.message for one in checks.list_findings(limits) if one.check == "secret-unreadable"]


def renew() -> str:
    out = StringIO()
    call_command("renewsecrets", stdout=out)
    return out.getvalue()


def test_what_the_present_keys_cannot_decrypt_is_found_until_its_key_is_back(settings):
    secrets.create_secret(SecretRef("TOKEN", domain="development"), b"correct horse")
    assert found() == []

    old, settings.SECRET_KEY = settings.SECRET_KEY, "another"
    assert found() == ["secret TOKEN of domain development cannot be decrypted"]
    with pytest.raises(CommandError, match="no key of the server decrypts TOKEN of domain development"):
        renew()

    settings.SECRET_KEY_FALLBACKS = [old]
    assert found() == []
    assert renew() == "encrypted 1 secret by the present key\n"
    settings.SECRET_KEY_FALLBACKS = []
    assert found() == []
