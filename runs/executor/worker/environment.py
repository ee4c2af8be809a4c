"""The environment variables with which an executor process starts.

Secrets of the server and of the worker (`FLYTEUI_*`) stay out of them, because user code can read them.
"""

from __future__ import annotations

from collections.abc import Mapping

# Read by the SDK when it is imported or when its controller is made.
SDK_VARIABLES = {
    "FSSPEC_FILE_AUTO_MKDIR": "true",  # the SDK does not make folders in local storage
    "_U_USE_ACTIONS": "1",  # the protocol that the server speaks
    "_F_P_CNC": "100000",  # children of one parent at a time; the server is the one to push back
    "_F_MAX_QPS": "1000000",
    "DO_NOT_TRACK": "1",
    "PYTHONUNBUFFERED": "1",
}
# Passed on from the worker's environment; nothing else of it is, above all no FLYTEUI_*.
PASSED_ON = (
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
)
# Storage credentials, as the SDK reads them.
PASSED_ON_PREFIXES = ("PYTHON", "AWS_", "FLYTE_AWS_", "GOOGLE_", "AZURE_")

# Passed on to the builder of images alone: how uv and pixi reach their package indexes, and who they are there.
BUILDER_VARIABLES = (
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NETRC",
    "PYENV_ROOT",
    "RATTLER_AUTH_FILE",
    "PIXI_CONFIG_FILE",
)
# Folders of the worker's own user, in which no other can write.
OWN_FOLDERS = (
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "PIXI_HOME",
    "PIXI_CACHE_DIR",
    "RATTLER_CACHE_DIR",
)
BUILDER_PREFIXES = ("UV_",)
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def builder_variables(own: Mapping[str, str], *, is_other_user: bool = False) -> dict[str, str]:
    """Of the worker's variables those with which it would build an image itself. User code never gets them."""
    names = BUILDER_VARIABLES if is_other_user else (*BUILDER_VARIABLES, *OWN_FOLDERS)
    return {
        name: value
        for name, value in own.items()
        if name in names or name.startswith(BUILDER_PREFIXES) or name.lower() in PROXIES
    }


def clean_environment(own: Mapping[str, str], user: Mapping[str, str]) -> dict[str, str]:
    """The variables that a process needs, those that the SDK needs, and the user's, which win."""
    passed_on = {
        name: value for name, value in own.items() if name in PASSED_ON or name.startswith(PASSED_ON_PREFIXES)
    }
    return {**passed_on, **SDK_VARIABLES, **user}
