"""The address of the server, and what follows from it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from flyteui.public_url import host_of, is_loopback, read_public_url
from tests.support.server.certificates import make_certificate

READ = """
import json, sys, flyteui.settings as s
print(json.dumps({name: getattr(s, name) for name in sys.argv[1].split(",")}, default=str))
"""


def settings_of(home: Path, names: str, **variables: str) -> Any:
    """These settings of a process that has these variables; the last line of its error when it refuses to start."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("FLYTEUI_")}
    env |= {"FLYTEUI_HOME": str(home), **{f"FLYTEUI_{name}": value for name, value in variables.items()}}
    done = subprocess.run(
        [sys.executable, "-c", READ, names], env=env, capture_output=True, text=True, timeout=120, check=False
    )
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://flyteui.example.com", "https://flyteui.example.com"),
        ("https://flyteui.example.com/", "https://flyteui.example.com"),
        ("https://FlyteUI.example.com:8443", "https://flyteui.example.com:8443"),
        ("https://flyteui.example.com:443", "https://flyteui.example.com"),
        ("http://localhost:80", "http://localhost"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_a_url_is_read_as_browsers_write_an_origin(text: str, url: str):
    assert read_public_url(text) == url


@pytest.mark.parametrize(
    "text",
    ["", "flyteui.example.com", "ftp://a", "https://", "https://a/path", "https://a?b", "https://a#b", "https://u:p@a", "http://a:x",
     "http://["],
)  # fmt: skip
def test_what_is_more_or_less_than_a_server_is_refused(text: str):
    with pytest.raises(ImproperlyConfigured, match="FLYTEUI_PUBLIC_URL"):
        read_public_url(text)


def test_a_machine_that_tries_things_out_is_known():
    assert [is_loopback(host) for host in ("localhost", "a.localhost", "127.9.9.9", "[::1]")] == [True] * 4
    assert [is_loopback(host) for host in ("example.com", "10.0.0.1", "[2001:db8::1]", "")] == [False] * 4
    assert host_of("http://[::1]:8000") == "[::1]"


SECURITY = "PUBLIC_URL,LOCAL_URL,SESSION_COOKIE_SECURE,CSRF_COOKIE_SECURE,SECURE_HSTS_SECONDS,CSRF_TRUSTED_ORIGINS,TRUSTED_PROXIES"


def test_without_settings_nothing_is_believed_and_nothing_needs_tls(tmp_path: Path):
    assert settings_of(tmp_path, f"{SECURITY},ALLOWED_HOSTS") == {
        "PUBLIC_URL": "http://localhost:8000",
        "LOCAL_URL": "http://127.0.0.1:8000",
        "SESSION_COOKIE_SECURE": False,
        "CSRF_COOKIE_SECURE": False,
        "SECURE_HSTS_SECONDS": 0,
        "CSRF_TRUSTED_ORIGINS": ["http://localhost:8000"],
        "TRUSTED_PROXIES": [],
        "ALLOWED_HOSTS": ["127.0.0.1", "localhost", "[::1]"],
    }


def test_an_https_url_makes_cookies_secure_and_a_proxy_of_this_machine_trusted(tmp_path: Path):
    found = settings_of(tmp_path, f"{SECURITY},ALLOWED_HOSTS", PUBLIC_URL="https://flyteui.example.com/")

    assert found == {
        "PUBLIC_URL": "https://flyteui.example.com",
        "LOCAL_URL": "http://127.0.0.1:8000",
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SECURE": True,
        "SECURE_HSTS_SECONDS": 31_536_000,
        "CSRF_TRUSTED_ORIGINS": ["https://flyteui.example.com"],
        "TRUSTED_PROXIES": ["127.0.0.0/8", "::1/128"],
        "ALLOWED_HOSTS": ["127.0.0.1", "localhost", "[::1]", "flyteui.example.com"],
    }


def test_a_certificate_of_our_own_means_https_and_no_proxy(tmp_path: Path):
    files = make_certificate(tmp_path, "localhost")
    tls = {"TLS_CERT": str(files.cert), "TLS_KEY": str(files.key)}

    found = settings_of(
        tmp_path, SECURITY, HOST="0.0.0.0", PORT="8443", PUBLIC_URL="https://localhost:8443", **tls
    )

    assert (found["PUBLIC_URL"], found["LOCAL_URL"]) == ("https://localhost:8443", "https://127.0.0.1:8443")
    assert (found["TRUSTED_PROXIES"], found["CSRF_COOKIE_SECURE"]) == ([], True)
    assert found["SECURE_HSTS_SECONDS"] == 0  # of localhost: it would hold for all else there


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"TLS_CERT": "/a"}, "FLYTEUI_TLS_CERT and FLYTEUI_TLS_KEY are set together"),
        ({"TLS_CERT": "/a", "TLS_KEY": "/b", "PUBLIC_URL": "http://a"}, "speaks https only"),
        ({"PUBLIC_URL": "https://a/b"}, "FLYTEUI_PUBLIC_URL is 'https://a/b'"),
        ({"TRUSTED_PROXIES": "proxy"}, "FLYTEUI_TRUSTED_PROXIES"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    tmp_path: Path, variables: dict[str, str], said: str
):
    assert said in settings_of(tmp_path, "PUBLIC_URL", **variables)
