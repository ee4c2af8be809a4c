"""URLs of the pages, the admin and the health checks. Connect services have paths of their own (flyteui/asgi.py)."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, path
from django.views.generic import RedirectView

from runs import views

RUNS = "v2/domain/<str:domain>/project/<str:project>/runs"
RUN = f"{RUNS}/<str:run>"
ACTION = f"{RUN}/actions/<str:action>"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.home, name="home"),
    path(RUNS, views.run_list, name="runs"),
    path(RUN, views.run_detail, name="run"),
    path(f"{RUN}/abort", views.abort, name="abort"),
    path(f"{RUN}/aborts", views.request_aborts, name="aborts"),
    path(f"{RUN}/aborts/preview", views.preview_aborts, name="aborts-preview"),
    path(ACTION, views.panel, name="panel"),
    path(f"{ACTION}/log", views.log_tail, name="log-tail"),
    path(f"{ACTION}/log.txt", views.log_file, name="log-file"),
    path("healthz", views.healthz),
    path("readyz", views.readyz),
    path("metrics", views.metrics_text),
    path("favicon.ico", RedirectView.as_view(url="/static/mark.svg")),
    path("admin/", admin.site.urls),
]
