"""Encrypts the values of secrets with a key that is derived from FLYTEUI_SECRET_KEY for nothing else.

What an older key has encrypted (FLYTEUI_SECRET_KEY_FALLBACKS) can be read, and is encrypted anew by `renew`. A value is bound to
its secret: moved to another row, it cannot be read.
"""

from __future__ import annotations

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from runs.domain.secrets import SecretRef

_PURPOSE = b"flyteui: values of secrets, 1"


class Unreadable(Exception):
    """No key that the server has decrypts it."""


def encrypt(ref: SecretRef, value: bytes) -> bytes:
    return _ciphers(_keys()).encrypt(_bound_to(ref) + value)


def decrypt(ref: SecretRef, token: bytes) -> bytes:
    """Raises Unreadable."""
    try:
        text = _ciphers(_keys()).decrypt(token)
    except InvalidToken as error:
        raise Unreadable from error
    if not text.startswith(bound := _bound_to(ref)):
        raise Unreadable
    return text.removeprefix(bound)


def renew(ref: SecretRef, token: bytes) -> bytes:
    """The same value, encrypted by the present key. Raises Unreadable."""
    return encrypt(ref, decrypt(ref, token))


def _bound_to(ref: SecretRef) -> bytes:
    # None of the three can hold a NUL.
    return f"{ref.project}\0{ref.domain}\0{ref.name}\0".encode()


def _keys() -> tuple[str, ...]:
    return settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS


@lru_cache(maxsize=4)
def _ciphers(keys: tuple[str, ...]) -> MultiFernet:
    """It encrypts with the first key, and decrypts with any."""
    return MultiFernet([Fernet(_derive(key)) for key in keys])


def _derive(key: str) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(key.encode())
    return base64.urlsafe_b64encode(derived)
