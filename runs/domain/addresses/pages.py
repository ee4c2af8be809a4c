"""The paths of the pages of runs and actions: the only place that makes them. `flyteui/urls.py` routes them. Pure.

They are those that the real client prints, so a link from a terminal works. Add the server's address with `PUBLIC_URL`.
"""

from __future__ import annotations

from urllib.parse import quote, urlencode

from runs.domain.names import ROOT, ActionRef, RunRef


def run_list_path(project: str, domain: str) -> str:
    """The page that lists the runs of a project and domain."""
    return f"/v2/domain/{domain}/project/{project}/runs"


def run_path(ref: RunRef) -> str:
    """The page of a run."""
    return f"{run_list_path(ref.project, ref.domain)}/{ref.name}"


def action_path(ref: ActionRef) -> str:
    """The page of a run with this action selected."""
    return f"{run_path(ref.run)}?{urlencode({'action': ref.name})}"


def rerun_path(ref: ActionRef) -> str:
    """The form that runs it again; the whole run, if it is the root."""
    query = f"?{urlencode({'action': ref.name})}" if ref.name != ROOT else ""
    return f"{run_path(ref.run)}/rerun{query}"


def task_list_path(project: str, domain: str) -> str:
    """The page that lists the tasks of a project and domain."""
    return f"{run_list_path(project, domain).removesuffix('/runs')}/tasks"


def task_path(project: str, domain: str, name: str, version: str = "") -> str:
    """The page of a task; without a version, of its newest one."""
    query = f"?{urlencode({'version': version})}" if version else ""
    return f"{task_list_path(project, domain)}/{quote(name, safe='')}{query}"


def launch_path(project: str, domain: str, name: str, version: str = "") -> str:
    """The form that starts a run of a task."""
    query = f"?{urlencode({'version': version})}" if version else ""
    return f"{task_path(project, domain, name)}/launch{query}"


def task_code_path(project: str, domain: str, name: str, version: str = "") -> str:
    """The code of a task that may never have run."""
    query = f"?{urlencode({'version': version})}" if version else ""
    return f"{task_path(project, domain, name)}/code{query}"


def table_path(run: RunRef, *, parent: str, task: str, group: str = "") -> str:
    """The children of an action that call one task, as a table."""
    query = {"parent": parent, "task": task} | ({"group": group} if group else {})
    return f"{run_path(run)}/table?{urlencode(query)}"
