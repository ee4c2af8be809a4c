"""Settings, read from environment variables with the prefix FLYTEUI_; the README has the table."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from flyteui.logs import logging_config

ROOT = Path(__file__).resolve().parent.parent


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


HOME = Path(env("HOME", str(ROOT / ".flyteui"))).resolve()
HOME.mkdir(parents=True, exist_ok=True)
HOST = env("HOST", "127.0.0.1")
PORT = int(env("PORT", "8000"))
# Where clients, executors and browsers reach the server.
PUBLIC_URL = env("PUBLIC_URL", f"http://{'localhost' if HOST == '127.0.0.1' else HOST}:{PORT}")
# Not as_uri(): the SDK takes what follows file:// as it is, so a quoted space would be another folder.
STORAGE_URL = env("STORAGE_URL", f"file://{HOME / 'storage'}").rstrip("/")
EXECUTOR_TOKEN = kept_secret("EXECUTOR_TOKEN")
ABORT_GRACE_SECONDS = float(env("ABORT_GRACE_SECONDS", "30"))
MAX_EXECUTORS = int(env("MAX_EXECUTORS", "8"))
EXECUTOR_CAPACITY = int(env("EXECUTOR_CAPACITY", "20000"))
EXECUTOR_IDLE_SECONDS = float(env("EXECUTOR_IDLE_SECONDS", "300"))
EXECUTOR_LEASE_SECONDS = float(env("EXECUTOR_LEASE_SECONDS", "600"))
if EXECUTOR_LEASE_SECONDS < 10:
    # An executor asks the server every few seconds, and ends itself some seconds before its lease does.
    raise ImproperlyConfigured(
        f"FLYTEUI_EXECUTOR_LEASE_SECONDS is {EXECUTOR_LEASE_SECONDS:g}; it must be at least 10"
    )
# By how much something may be late before `manage.py doctor` calls it stuck.
DOCTOR_SLACK_SECONDS = float(env("DOCTOR_SLACK_SECONDS", "30"))
MAX_UPLOAD_BYTES = int(env("MAX_UPLOAD_BYTES", str(100 * 1024 * 1024)))
MAX_INPUT_BYTES = int(env("MAX_INPUT_BYTES", str(10 * 1024 * 1024)))
DOMAINS = env("DOMAINS", "development,staging,production").split(",")
DEFAULT_PROJECT = env("PROJECT", "flytesnacks")

SECRET_KEY = kept_secret("SECRET_KEY")
DEBUG = env("DEBUG", "") == "1"
ALLOWED_HOSTS = [HOST, "localhost", "127.0.0.1", "[::1]", *filter(None, env("ALLOWED_HOSTS", "").split(","))]

INSTALLED_APPS = [
    "daphne",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "runs",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "flyteui.security.ContentSecurityPolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "flyteui.urls"
ASGI_APPLICATION = "flyteui.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
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

REDIS_URL = env("REDIS_URL", "")
CHANNEL_LAYERS = {
    "default": (
        {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
        if REDIS_URL
        else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    )
}

STATIC_URL = "/static/"
STATICFILES_DIRS = [ROOT / "static"]
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
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "runs.views.answers.forged"

LOGGING = logging_config(env("LOG_LEVEL", "WARNING"))
