"""URLs of the pages, the admin and the health checks. Connect services have paths of their own (flyteui/asgi.py)."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, path
from django.views.generic import RedirectView

from runs.views import aborts, executors, health, minimaps, pages, panels, panes, runs, signals

RUNS = "v2/domain/<str:domain>/project/<str:project>/runs"
RUN = f"{RUNS}/<str:run>"
ACTION = f"{RUN}/actions/<str:action>"

handler500 = "runs.views.answers.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", pages.home, name="home"),
    path(RUNS, pages.run_list, name="runs"),
    path(RUNS.removesuffix("/runs") + "/aborts", runs.abort_runs, name="abort-runs"),
    path(RUN, pages.run_detail, name="run"),
    path(f"{RUN}/minimap", minimaps.show, name="minimap"),
    path(f"{RUN}/unclaimed", panels.unclaimed, name="unclaimed"),
    path(f"{RUN}/abort", aborts.abort, name="abort"),
    path(f"{RUN}/aborts", aborts.request_aborts, name="aborts"),
    path(f"{RUN}/aborts/preview", aborts.preview_aborts, name="aborts-preview"),
    path(ACTION, panels.panel, name="panel"),
    path(f"{ACTION}/signal", signals.signal, name="signal"),
    path(f"{ACTION}/waits", panels.waits, name="waits"),
    path(f"{ACTION}/beside", panels.beside, name="beside"),
    path(f"{ACTION}/log/search", panels.log_search, name="log-search"),
    path(f"{ACTION}/log.txt", panels.log_file, name="log-file"),
    path(f"{ACTION}/report", panels.report, name="report"),
    path("executors/", executors.fleet, name="executors"),
    path("executors/<uuid:executor>/drain", executors.drain, name="drain"),
    path("panes.css", panes.panes, name="panes"),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics_text),
    path("favicon.ico", RedirectView.as_view(url="/static/mark.svg")),
    path("admin/", admin.site.urls),
]
