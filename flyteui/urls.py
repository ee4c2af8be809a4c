"""URLs of the pages, the admin and the health checks. Connect services have paths of their own (flyteui/asgi.py)."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from runs.views import (
    aborts,
    audit,
    conditions,
    deletions,
    docs,
    executors,
    health,
    logs,
    manners,
    pane_widths,
    panels,
    run_aborts,
    run_list,
    run_page,
    secrets,
)
from runs.views.sign_in import oauth, oidc, password
from runs.views.tasks import catalog, code, graph, launch, reruns, uploads
from runs.views.values import compare, reports, siblings, values

RUNS = "v2/domain/<str:domain>/project/<str:project>/runs"
RUN = f"{RUNS}/<str:run>"
ACTION = f"{RUN}/actions/<str:action>"
TASKS = RUNS.removesuffix("/runs") + "/tasks"
VALUE = f"{ACTION}/values/<str:side>/<str:value>"
SECRET_SCOPES = ("", "/<str:domain>", "/<str:domain>/<str:project>")

# django-oauth-toolkit finds its views by these names, in this namespace.
PROVIDER: list[URLPattern | URLResolver] = [
    path("authorize/", oauth.page("Authorize"), name="authorize"),
    path("token/", oauth.endpoint("Token"), name="token"),
    path("revoke/", oauth.endpoint("Revoke"), name="revoke-token"),
    path("device-authorization/", oauth.endpoint("DeviceAuthorization"), name="device-authorization"),
    path("device/", oauth.page("Device"), name="device"),
    path(
        "device-confirm/<slug:client_id>/<slug:user_code>",
        oauth.page("DeviceConfirm"),
        name="device-confirm",
    ),
    path(
        "device-done/<slug:client_id>/<slug:user_code>",
        oauth.page("DeviceDone"),
        name="device-grant-status",
    ),
]

handler500 = "runs.views.errors.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", run_list.home, name="home"),
    path(RUNS, run_list.run_list, name="runs"),
    path(RUNS.removesuffix("/runs") + "/aborts", run_aborts.abort_runs, name="abort-runs"),
    path(RUNS.removesuffix("/runs") + "/delete", deletions.delete_runs, name="delete-runs"),
    path(RUNS.removesuffix("/runs") + "/deletions", deletions.deletions, name="deletions"),
    path(RUNS.removesuffix("/runs") + "/compare", compare.compare_runs, name="compare-runs"),
    path(RUNS.removesuffix("/runs") + "/uploads", uploads.upload, name="uploads"),
    path("compare/", compare.compare_page, name="compare"),
    path(RUN, run_page.run_page, name="run"),
    path(f"{RUN}/state", run_page.run_state, name="run-state"),
    path(f"{RUN}/first-failure", run_page.first_failure, name="first-failure"),
    path(f"{RUN}/minimap", run_page.minimap_fragment, name="minimap"),
    path(f"{RUN}/graph", graph.run_graph, name="run-graph"),
    path(f"{RUN}/log", logs.run_log_page, name="run-log"),
    path(f"{RUN}/log/lines", logs.run_log_lines, name="run-log-lines"),
    path(f"{RUN}/unclaimed", panels.unclaimed, name="unclaimed"),
    path(f"{RUN}/abort", aborts.abort, name="abort"),
    path(f"{RUN}/abort/reason", aborts.add_reason, name="abort-reason"),
    path(f"{RUN}/rerun", reruns.run_again, name="rerun"),
    path(f"{RUN}/aborts", aborts.request_aborts, name="aborts"),
    path(f"{RUN}/aborts/preview", aborts.preview_aborts, name="aborts-preview"),
    path(ACTION, panels.panel, name="panel"),
    path(f"{ACTION}/signal", conditions.signal, name="signal"),
    path(f"{ACTION}/share", manners.share, name="share"),
    path(f"{ACTION}/waits", panels.waits, name="waits"),
    path(f"{ACTION}/beside", panels.beside, name="beside"),
    path(f"{ACTION}/log/lines", logs.log_lines, name="log-lines"),
    path(f"{ACTION}/log/search", logs.log_search, name="log-search"),
    path(f"{ACTION}/log.txt", logs.log_file, name="log-file"),
    path(f"{ACTION}/code", code.code_page, name="code"),
    path(f"{ACTION}/code.tgz", code.code_archive, name="code-archive"),
    path(f"{ACTION}/report", panels.report, name="report"),
    path(TASKS, catalog.task_list, name="tasks"),
    path(f"{TASKS}/<str:task>", catalog.task_page, name="task"),
    path(f"{TASKS}/<str:task>/code", code.task_code, name="task-code"),
    path(f"{TASKS}/<str:task>/launch", launch.launch, name="launch"),
    path("tasks/", catalog.tasks_home, name="tasks-home"),
    path(f"{ACTION}/report/page", reports.report_page, name="report-page"),
    path(f"{RUN}/table", siblings.table, name="run-table"),
    path(f"{RUN}/table.csv", siblings.table_file, name="run-table-file"),
    path(f"{RUN}/reports", reports.run_reports, name="run-reports"),
    path(VALUE, values.value_page, name="value"),
    path(f"{VALUE}/image", values.image, name="value-image"),
    path(f"{VALUE}/download", values.download, name="value-download"),
    path("docs/", docs.docs_page, name="docs"),
    path("docs/<path:path>", docs.docs_page, name="docs-file"),
    path("waiting/", conditions.waiting, name="waiting"),
    path("audit/", audit.audit_page, name="audit"),
    path("secrets/", secrets.secrets_page, name="secrets"),
    path("secrets/new", secrets.new_secret, name="new-secret"),
    # The scope of a secret is in its path, where the gate finds the project.
    *(path(f"secrets/create{of}", secrets.create_secret, name="create-secret") for of in SECRET_SCOPES),
    *(path(f"secrets/replace{of}", secrets.replace_secret, name="replace-secret") for of in SECRET_SCOPES),
    *(
        path(f"secrets/delete/<str:name>{of}", secrets.delete_secret, name="delete-secret")
        for of in SECRET_SCOPES
    ),
    path("sign-in/", password.SignIn.as_view(), name="sign-in"),
    path("sign-out/", password.SignOut.as_view(), name="sign-out"),
    path("executors/", executors.executors_page, name="executors"),
    path("executors/<uuid:executor>/drain", executors.drain, name="drain"),
    path("oauth/", include((PROVIDER, "oauth2_provider"))),
    path(".well-known/oauth-authorization-server", oauth.endpoint("Metadata"), name="oauth-metadata"),
    path("oidc/sign-in", oidc.start, name="oidc-sign-in"),
    path("oidc/callback", oidc.callback, name="oidc-callback"),
    path("panes.css", pane_widths.pane_widths, name="panes"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics_text, name="metrics"),
    path("favicon.ico", RedirectView.as_view(url="/static/mark.svg"), name="favicon"),
    path("admin/", admin.site.urls),
]
