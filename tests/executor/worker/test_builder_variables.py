"""What reaches the package index, and who one is there, is for the builder of images alone."""

from __future__ import annotations

from runs.executor.worker.environment import builder_variables, clean_environment

REACHING = {
    "UV_INDEX_PRIVATE_PASSWORD": "secret", "UV_DEFAULT_INDEX": "https://index.example", "HTTPS_PROXY": "http://u:p@proxy",
    "no_proxy": "localhost", "SSL_CERT_DIR": "/certs", "PYENV_ROOT": "/pyenv",
    "RATTLER_AUTH_FILE": "/auth.json",
}  # fmt: skip
OTHERS = {"FLYTEUI_SECRET_KEY": "x", "AWS_SECRET_ACCESS_KEY": "x", "EDITOR": "vi"}


def test_the_builder_gets_it_and_nothing_else_of_the_worker():
    assert builder_variables({**REACHING, **OTHERS}) == REACHING


def test_a_builder_that_is_another_user_gets_no_folder_of_the_workers_own():
    own = {
        **REACHING,
        "XDG_CACHE_HOME": "/home/ann/.cache",
        "XDG_DATA_HOME": "/home/ann/.local/share",
        "PIXI_HOME": "/home/ann/.pixi",
    }

    assert builder_variables(own) == own
    assert builder_variables(own, is_other_user=True) == REACHING


def test_user_code_gets_none_of_it():
    assert not set(clean_environment({**REACHING, **OTHERS}, {})) & set(REACHING)
