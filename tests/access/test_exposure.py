"""A server that other machines reach wants to know who asks, or does not start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from flyteui.web import refuse_exposed_endpoints
from runs.access import checks, exposure
from tests.arch.sources import ROOT


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_on_this_machine_nobody_needs_to_sign_in(settings, host: str):
    settings.HOST = host

    assert exposure.find_exposure() == ""
    assert checks.check_exposure() == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "flyte.example", "localhost.example", ""])
def test_elsewhere_the_server_names_the_settings_that_make_it_safe(settings, host: str):
    settings.HOST = host

    [problem] = checks.check_exposure()

    assert "FLYTEUI_AUTH=password" in problem.msg
    assert "FLYTEUI_AUTH=oidc" in problem.msg
    assert "FLYTEUI_INSECURE=1" in problem.msg
    with pytest.raises(ImproperlyConfigured):
        checks.refuse_exposure()


@pytest.mark.parametrize("auth", ["password", "oidc"])
def test_where_one_signs_in_it_may_listen_anywhere(settings, auth: str):
    settings.HOST, settings.AUTH = "0.0.0.0", auth

    assert exposure.find_exposure() == exposure.find_open_address() == ""


@pytest.mark.parametrize("endpoint", ["tcp:port=8000:interface=0.0.0.0", r"tcp:port=8000:interface=\:\:"])
def test_daphnes_own_argument_is_checked_too(endpoint: str):
    refuse_exposed_endpoints(["tcp:port=8000:interface=127.0.0.1", r"tcp:port=8000:interface=\:\:1"])
    with pytest.raises(ImproperlyConfigured):
        refuse_exposed_endpoints([endpoint])


@pytest.mark.parametrize(
    "command", [["-m", "django", "up"], ["-m", "flyteui.web", "flyteui.asgi:application"]]
)
def test_neither_up_nor_the_web_process_starts(tmp_path: Path, command: list[str]):
    env = {
        **os.environ,
        "FLYTEUI_HOME": str(tmp_path),
        "FLYTEUI_HOST": "0.0.0.0",
        "DJANGO_SETTINGS_MODULE": "flyteui.settings",
    }

    done = subprocess.run(
        [sys.executable, *command],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode != 0
    assert "FLYTEUI_AUTH=password" in done.stderr


def test_an_unknown_mode_is_refused(tmp_path: Path):
    env = {**os.environ, "FLYTEUI_HOME": str(tmp_path), "FLYTEUI_AUTH": "ldap"}

    done = subprocess.run(
        [sys.executable, "-c", "import flyteui.settings"], env=env, cwd=ROOT, capture_output=True, text=True, check=False
    )  # fmt: skip

    assert "FLYTEUI_AUTH is 'ldap'; it must be one of none, password, oidc" in done.stderr


@pytest.mark.django_db(transaction=True)
def test_whoever_insists_gets_a_banner_on_every_page(settings):
    settings.HOST, settings.INSECURE = "0.0.0.0", True
    settings.ALLOWED_HOSTS = ["testserver"]

    for path in ("/v2/domain/development/project/flytesnacks/runs", "/executors/", "/audit/", "/v2/nowhere"):
        assert "listens on 0.0.0.0:" in Client().get(path).content.decode(), path
    settings.INSECURE = False
    assert "listens on" not in Client().get("/executors/").content.decode()
