"""Settings, read from environment variables with the prefix FLYTEUI_; docs/reference/settings.md has them all."""

from __future__ import annotations

import os
import re
import secrets
import sys
from datetime import timedelta
from pathlib import Path

import dj_database_url
from django.conf import global_settings
from django.core.exceptions import ImproperlyConfigured

from flyteui import places
from flyteui.logs import logging_config
from flyteui.middleware.proxies import read_networks
from flyteui.public_url import ANY_HOST, host_of, is_loopback, read_public_url, url_host
from flyteui.sign_in import provider_settings, read_oidc
from runs.domain.errors import Invalid
from runs.engine.retention.periods import Retention, read_retention, show_span

ROOT, IS_INSTALLED = places.ROOT, places.IS_INSTALLED
# Who signs in, and where: nobody; Django's users, here; those of an OpenID Connect provider, there.
AUTH_MODES = ("none", "password", "oidc")


def env(name: str, default: str) -> str:
    return os.environ.get(f"FLYTEUI_{name}", default)


def kept_secret(name: str) -> str:
    """The setting, or a value that is made once and kept in the home folder, readable by its owner only."""
    if given := env(name, ""):
        return given
    file = HOME / f".{name.lower()}"
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as made:
            made.write(secrets.token_urlsafe(48))
    except FileExistsError:
        pass
    return file.read_text()


def keep_files_private() -> int:
    """Leave others of this machine no right to the files that we make; returns the umask of the user, which user code gets.

    The variable tells it to the processes that this one starts: they inherit ours.
    """
    ours = os.umask(0o077)
    user = int(env("USER_UMASK", f"{ours:o}"), 8)
    os.environ["FLYTEUI_USER_UMASK"] = f"{user:03o}"
    return user


def make_home(home: Path) -> Path:
    """The home folder, which nobody else may enter; also one that was made before we thought of that."""
    home.mkdir(parents=True, exist_ok=True)
    if home.stat().st_uid == os.geteuid():
        home.chmod(0o700)
    return home


def executors_that_fit(cgroup_limit: Path = Path("/sys/fs/cgroup/memory.max")) -> int:
    """How many executors there may be in this machine's memory, or in what its control group leaves of it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if cgroup_limit.exists() and (limit := cgroup_limit.read_text().strip()).isdecimal():
        memory = min(memory, int(limit))
    # One that has imported little takes less than this; most have something else to hold.
    return max(8, min(64, memory // (256 * 1024**2)))


def read_secrets(text: str) -> str:
    """The prefix of the variables that are secrets of tasks, from `env:PREFIX_`; "" for none."""
    source, _, prefix = text.partition(":")
    if text and (source != "env" or not re.fullmatch(r"[A-Za-z_]\w*", prefix, re.ASCII)):
        raise ImproperlyConfigured(
            f"FLYTEUI_SECRETS is {text!r}; it must be env: and the prefix of some variables, such as env:TASKS_"
        )
    return prefix


def kept(name: str, *, least: timedelta = timedelta()) -> Retention:
    """For how long something is kept; raises ImproperlyConfigured for what is no time, or too short."""
    try:
        retention = read_retention(f"FLYTEUI_{name}", env(name, ""))
    except Invalid as error:
        raise ImproperlyConfigured(error.message) from error
    for span in (retention.default, *retention.by_project.values()):
        if span is not None and span < least:
            raise ImproperlyConfigured(
                f"FLYTEUI_{name} has {show_span(span)}; it must be at least {show_span(least)}"
            )
    return retention


DEFAULT_PORT = 8000
USER_UMASK = keep_files_private()
HOME = make_home(Path(env("HOME", str(places.default_home()))).resolve())
# The documentation as a site, and flows to try.
SITE, EXAMPLES = places.folder_of("site"), places.folder_of("examples")
HOST = env("HOST", "127.0.0.1")
PORT = int(env("PORT", str(DEFAULT_PORT)))
# With these, `flyteui` in another shell means this server.
OPTIONS = [
    *([] if places.default_home().resolve() == HOME else ["--home", str(HOME)]),
    *([] if PORT == DEFAULT_PORT else ["--port", str(PORT)]),
]
AUTH = env("AUTH", "none")
if AUTH not in AUTH_MODES:
    raise ImproperlyConfigured(f"FLYTEUI_AUTH is {AUTH!r}; it must be one of {', '.join(AUTH_MODES)}")
INSECURE = env("INSECURE", "") == "1"
# How long somebody stays signed in: at most, and without a request.
SESSION_SECONDS = float(env("SESSION_SECONDS", str(7 * 24 * 3600)))
SESSION_IDLE_SECONDS = float(env("SESSION_IDLE_SECONDS", str(12 * 3600)))
METRICS_KEY = env("METRICS_KEY", "")
# In PEM; with both our own port speaks TLS.
TLS_CERT, TLS_KEY = env("TLS_CERT", ""), env("TLS_KEY", "")
if bool(TLS_CERT) != bool(TLS_KEY):
    raise ImproperlyConfigured("FLYTEUI_TLS_CERT and FLYTEUI_TLS_KEY are set together, or neither of them")
_SCHEME = "https" if TLS_CERT else "http"
# Where clients, user code and browsers reach the server.
PUBLIC_URL = read_public_url(
    env("PUBLIC_URL", f"{_SCHEME}://{'localhost' if HOST == '127.0.0.1' else url_host(HOST)}:{PORT}")
)
IS_HTTPS = PUBLIC_URL.startswith("https://")
IS_LOCAL = is_loopback(host_of(PUBLIC_URL))  # its users are on this machine
if TLS_CERT and not IS_HTTPS:
    raise ImproperlyConfigured(
        f"FLYTEUI_PUBLIC_URL is {PUBLIC_URL}, but with FLYTEUI_TLS_CERT the server speaks https only"
    )
# Where the other processes of this machine reach it, whatever stands in front.
LOCAL_URL = f"{_SCHEME}://{'127.0.0.1' if HOST in ANY_HOST else url_host(HOST)}:{PORT}"
# Whose X-Forwarded-* we believe. Who has an https URL and no certificate has a proxy, and mostly on this machine.
TRUSTED_PROXIES = read_networks(
    env("TRUSTED_PROXIES", "127.0.0.0/8,::1" if IS_HTTPS and not TLS_CERT else "")
)
# Where the flyte client waits, on its own machine, for the browser to come back with a code; the port is its own.
CLI_REDIRECT_URI = env("CLI_REDIRECT_URI", "http://localhost:53593/callback")
ACCESS_TOKEN_SECONDS = int(env("ACCESS_TOKEN_SECONDS", "3600"))
REFRESH_TOKEN_SECONDS = int(env("REFRESH_TOKEN_SECONDS", str(30 * 86400)))
OAUTH2_PROVIDER = provider_settings(PUBLIC_URL, ACCESS_TOKEN_SECONDS, REFRESH_TOKEN_SECONDS)
MIGRATION_MODULES = {"oauth2_provider": "runs.access.oauth.migrations"}
# Its models are its own; migrations look them up here.
OAUTH2_PROVIDER_APPLICATION_MODEL = "oauth2_provider.Application"
OAUTH2_PROVIDER_ACCESS_TOKEN_MODEL = "oauth2_provider.AccessToken"  # noqa: S105 a name
OAUTH2_PROVIDER_REFRESH_TOKEN_MODEL = "oauth2_provider.RefreshToken"  # noqa: S105 a name
OAUTH2_PROVIDER_ID_TOKEN_MODEL = "oauth2_provider.IDToken"  # noqa: S105 a name
OAUTH2_PROVIDER_GRANT_MODEL = "oauth2_provider.Grant"
OAUTH2_PROVIDER_DEVICE_GRANT_MODEL = "oauth2_provider.DeviceGrant"
OIDC = read_oidc(env, is_used=AUTH == "oidc")
# Not as_uri(): the SDK takes what follows file:// as it is, so a quoted space would be another folder.
STORAGE_URL = env("STORAGE_URL", f"file://{HOME / 'storage'}").rstrip("/")
ENVIRONMENTS = Path(env("ENVIRONMENTS", str(HOME / "environments"))).resolve()
EXECUTOR_TOKEN = kept_secret("EXECUTOR_TOKEN")
ABORT_GRACE_SECONDS = float(env("ABORT_GRACE_SECONDS", "30"))
MAX_EXECUTORS = int(env("MAX_EXECUTORS", str(executors_that_fit())))
KEEP_RESERVE = env("KEEP_RESERVE", "1") != "0"
MAX_PROCESSES = int(env("MAX_PROCESSES", "64"))
EXECUTOR_CAPACITY = int(env("EXECUTOR_CAPACITY", "20000"))
EXECUTOR_IDLE_SECONDS = float(env("EXECUTOR_IDLE_SECONDS", "300"))
EXECUTOR_LEASE_SECONDS = float(env("EXECUTOR_LEASE_SECONDS", "600"))
if EXECUTOR_LEASE_SECONDS < 10:
    # An executor asks the server every few seconds, and ends itself some seconds before its lease does.
    raise ImproperlyConfigured(
        f"FLYTEUI_EXECUTOR_LEASE_SECONDS is {EXECUTOR_LEASE_SECONDS:g}; it must be at least 10"
    )
# By how much something may be late before `flyteui doctor` calls it stuck.
DOCTOR_SLACK_SECONDS = float(env("DOCTOR_SLACK_SECONDS", "30"))
# Of the web process, all together; and of them the sockets of pages that are open in a browser.
MAX_CONNECTIONS = int(env("MAX_CONNECTIONS", "2000"))
MAX_SOCKETS = int(env("MAX_SOCKETS", "1000"))
MAX_UPLOAD_BYTES = int(env("MAX_UPLOAD_BYTES", str(100 * 1024 * 1024)))
# Of one form; a folder is one, too. Its own handler keeps where in its folder a file lies.
DATA_UPLOAD_MAX_NUMBER_FILES = 1000
FILE_UPLOAD_HANDLERS = ["runs.views.tasks.uploads.KeepPaths", *global_settings.FILE_UPLOAD_HANDLERS]
MAX_INPUT_BYTES = int(env("MAX_INPUT_BYTES", str(10 * 1024 * 1024)))
KEEP_RUNS = kept("KEEP_RUNS")
KEEP_LOGS = kept("KEEP_LOGS")
KEEP_CACHE = kept("KEEP_CACHE")
# The client remembers for a day what it has uploaded, and does not upload it again.
KEEP_UNUSED = kept("KEEP_UNUSED", least=timedelta(days=2))
KEEP_AUDIT = kept("KEEP_AUDIT")
DOMAINS = env("DOMAINS", "development,staging,production").split(",")
DEFAULT_PROJECT = env("PROJECT", "flytesnacks")

SECRET_KEY = kept_secret("SECRET_KEY")
# What was signed or encrypted with these is read still; nothing new is.
SECRET_KEY_FALLBACKS = [key for key in env("SECRET_KEY_FALLBACKS", "").split(",") if key]
SECRETS_PREFIX = read_secrets(env("SECRETS", ""))
DEBUG = env("DEBUG", "") == "1"
ALLOWED_HOSTS = list(
    dict.fromkeys(
        [url_host(HOST), "localhost", "127.0.0.1", "[::1]", host_of(PUBLIC_URL),
         *filter(None, env("ALLOWED_HOSTS", "").split(","))]
    )
)  # fmt: skip

INSTALLED_APPS = [
    # It replaces `runserver` only, and loads Twisted: a third of what each process of ours takes to start.
    *(["daphne"] if "runserver" in sys.argv else []),
    "flyteui.admin_site.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "oauth2_provider",
    "channels",
    "axes",
    "runs",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "flyteui.middleware.security.SecurityHeaders",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "runs.views.door.Gate",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
# Of people's passwords, Django's; and of the secrets that we make for programs.
PASSWORD_HASHERS = [*global_settings.PASSWORD_HASHERS, "runs.access.oauth.keys.RandomSecretHasher"]
ROOT_URLCONF = "flyteui.urls"
ASGI_APPLICATION = "flyteui.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [places.folder_of("templates")],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "runs.views.reader.reader",
            ]
        },
    }
]

DATABASES = {
    "default": dj_database_url.parse(env("DATABASE_URL", f"sqlite:///{HOME / 'flyteui.sqlite3'}")),
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # IMMEDIATE takes the write lock when a transaction opens, so that a reader never has to upgrade (and fail busy).
    # WAL with synchronous=NORMAL survives the death of any process; only a power cut may lose the last commits.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536;"
            "PRAGMA mmap_size=268435456; PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=67108864;"
            "PRAGMA wal_autocheckpoint=8000;"
        ),
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # before the others: who has failed too often is not asked again
    "django.contrib.auth.backends.ModelBackend",
    "runs.access.backend.AdminRole",
]
# A name from an address: by name alone anybody could lock out anybody, by address alone a colleague in the same network.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = int(env("SIGN_IN_FAILURES", "10"))
AXES_COOLOFF_TIME = timedelta(seconds=float(env("SIGN_IN_PAUSE_SECONDS", "900")))
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "runs.views.errors.locked_out"
# The audit has the sign-ins; the address is the client's own, behind trusted proxies too.
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "runs.access.oauth.tokens.EndTokens"},
]

REDIS_URL = env("REDIS_URL", "")
# channels-redis waits 5 s for a message, and redis-py, unless told otherwise, 5 s for an answer: each silence would be an error.
REDIS_HOST = {"address": REDIS_URL, "socket_timeout": None, "socket_connect_timeout": 5}
CHANNEL_LAYERS = {
    "default": (
        {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [REDIS_HOST]}}
        if REDIS_URL
        else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    )
}

STATIC_URL = "/static/"
STATICFILES_DIRS = [places.folder_of("static")]
STATIC_ROOT = HOME / "static"
STATIC_ROOT.mkdir(exist_ok=True)
WHITENOISE_USE_FINDERS = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
USE_I18N = False

X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = int(SESSION_SECONDS)
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
# It holds for all ports of a host, so not for those of a machine that tries things out.
HSTS_DEFAULT = 0 if IS_LOCAL else 365 * 24 * 3600
SECURE_HSTS_SECONDS = int(env("HSTS_SECONDS", str(HSTS_DEFAULT))) if IS_HTTPS else 0
SILENCED_SYSTEM_CHECKS = [
    "oauth2_provider.W008",  # http as a redirect: the flyte client listens on loopback, where RFC 8252 wants just that
    "security.W005",  # HSTS for subdomains: they are not ours to speak for
    "security.W008",  # redirects to https: the proxy's task; with a certificate of ours the port speaks nothing else
    "security.W021",  # HSTS in the lists that browsers come with: nor is the domain
]
CSRF_FAILURE_VIEW = "runs.views.errors.csrf_failure"

LOGGING = logging_config(env("LOG_LEVEL", "WARNING"))
