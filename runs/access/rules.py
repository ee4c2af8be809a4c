"""The table of the gate: for each RPC, URL and socket the role that it takes, and the deed for which the audit has an entry.

What is not in the table is refused; an arch test names what is mounted and missing here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto

from runs.access.deeds import Deed
from runs.domain.roles import Role


class Open(Enum):
    """What takes no role in one project. PUBLIC: anybody. SIGNED_IN: whoever was verified. LISTED: likewise, and the answer
    holds only what the subject may see; a project that the request names takes the role viewer. OWN: a credential of its own.
    """

    PUBLIC = auto()
    SIGNED_IN = auto()
    LISTED = auto()
    OWN = auto()


@dataclass(frozen=True, slots=True)
class Rule:
    """needs: a role in the project that the request names, or in all projects when it names none. deed: what is audited, of
    a URL when it is a POST.
    is_of_code: code does it all the time, of which the audit tells only when it was refused.
    """

    needs: Role | Open
    deed: Deed | None = None
    is_of_code: bool = False


PUBLIC, SIGNED_IN, LISTED, OWN = Rule(Open.PUBLIC), Rule(Open.SIGNED_IN), Rule(Open.LISTED), Rule(Open.OWN)
READ = Rule(Role.VIEWER)
ABORT = Rule(Role.OPERATOR, Deed.ABORT)
SIGNAL = Rule(Role.OPERATOR, Deed.SIGNAL)
EDIT = Rule(Role.EDITOR)
PROJECT = Rule(Role.ADMIN, Deed.PROJECT)
DELETE = Rule(Role.ADMIN, Deed.DELETE)
CREATE_SECRET = Rule(Role.EDITOR, Deed.CREATE_SECRET)
REPLACE_SECRET = Rule(Role.EDITOR, Deed.REPLACE_SECRET)
DELETE_SECRET = Rule(Role.EDITOR, Deed.DELETE_SECRET)

RPCS: dict[str, dict[str, Rule]] = {
    "flyteidl2.workflow.RunService": {
        "CreateRun": Rule(Role.EDITOR, Deed.SUBMIT),
        "AbortRun": ABORT,
        "AbortAction": ABORT,
        "SignalEvent": SIGNAL,
        "GetRunDetails": READ,
        "WatchRunDetails": READ,
        "GetActionDetails": READ,
        "WatchActionDetails": READ,
        "GetActionData": READ,
        "GetActionDataURIs": READ,
        "GetActionLogContext": READ,
        "ListActions": READ,
        "WatchActions": READ,
        "WatchClusterEvents": READ,
        "WatchGroups": READ,
        "ListRuns": LISTED,
        "WatchRuns": READ,
    },
    # What the code of a running action asks for, with the credential of its run.
    "flyteidl2.actions.ActionsService": {
        "Enqueue": EDIT,
        "WatchForUpdates": READ,
        "Update": EDIT,
        "Abort": replace(ABORT, is_of_code=True),
        "Signal": replace(SIGNAL, is_of_code=True),
    },
    "flyteidl2.dataproxy.DataProxyService": {
        "CreateUploadLocation": EDIT,
        "UploadInputs": EDIT,
        "CreateDownloadLink": READ,
        "GetActionData": READ,
        "TailLogs": READ,
    },
    "flyteidl2.cluster.ClusterService": {"SelectCluster": SIGNED_IN},
    "flyteidl2.project.ProjectService": {
        "CreateProject": PROJECT,
        "UpdateProject": PROJECT,
        "GetProject": READ,
        "ListProjects": LISTED,
    },
    "flyteidl2.task.TaskService": {
        "DeployTask": Rule(Role.EDITOR, Deed.DEPLOY),
        "GetTaskDetails": READ,
        "ListTasks": LISTED,
        "ListVersions": READ,
    },
    # Who may run code in a project can have it print what its secrets are, so an editor may also make them. Their names are no secret.
    "flyteidl2.secret.SecretService": {
        "CreateSecret": CREATE_SECRET,
        "UpdateSecret": REPLACE_SECRET,
        "DeleteSecret": DELETE_SECRET,
        "GetSecret": LISTED,
        "ListSecrets": LISTED,
    },
    "flyteidl2.imagebuilder.ImageService": {"GetImage": SIGNED_IN},
    "flyteidl2.auth.IdentityService": {"UserInfo": SIGNED_IN},
    "flyteidl2.auth.AuthMetadataService": {"GetOAuth2Metadata": PUBLIC, "GetPublicClientConfig": PUBLIC},
    "flyteidl2.workflow.RunLogsService": {"TailLogs": READ},
}

# By the name of the URL; those of the admin site, which has one name for all, by its namespace.
URLS: dict[str, Rule] = {
    "home": LISTED,
    "runs": READ,
    "abort-runs": ABORT,
    "delete-runs": DELETE,
    "deletions": DELETE,
    "run": READ,
    "first-failure": READ,
    "run-state": READ,
    "minimap": READ,
    "unclaimed": READ,
    "run-graph": READ,
    "run-log": READ,
    "run-log-lines": READ,
    "abort": ABORT,
    "abort-reason": ABORT,
    "aborts": ABORT,
    "rerun": Rule(Role.EDITOR, Deed.SUBMIT),
    "tasks-home": LISTED,
    "tasks": READ,
    "task": READ,
    "task-code": READ,
    "launch": Rule(Role.EDITOR, Deed.SUBMIT),
    "uploads": EDIT,
    "aborts-preview": Rule(Role.OPERATOR),
    "panel": READ,
    "waiting": LISTED,
    "signal": SIGNAL,
    "share": Rule(Role.OPERATOR, Deed.SHARE),
    "waits": READ,
    "beside": READ,
    "log-lines": READ,
    "log-search": READ,
    "log-file": READ,
    "report": READ,
    "report-page": READ,
    "run-reports": READ,
    "compare": LISTED,  # what is compared may be of two projects: the query asks for both (runs/queries/values/compare.py)
    "compare-runs": READ,
    "run-table": READ,
    "run-table-file": READ,
    # A file of another project is read by whoever may read that one, too (runs/queries/values/files.py).
    "value": READ,
    "value-image": READ,
    "value-download": READ,
    "code": READ,
    "code-archive": READ,
    # An executor serves runs of any project.
    "executors": READ,
    "drain": Rule(Role.OPERATOR, Deed.DRAIN),
    "secrets": LISTED,
    "new-secret": LISTED,  # for whoever may create one there, which the view asks
    "create-secret": CREATE_SECRET,
    "replace-secret": REPLACE_SECRET,
    "delete-secret": DELETE_SECRET,
    "audit": SIGNED_IN,  # of the projects that one is admin of
    # What it says is no secret: it comes with every copy of flyteui.
    "docs": PUBLIC,
    "docs-file": PUBLIC,
    "sign-in": PUBLIC,
    "sign-out": PUBLIC,
    # Ours as an OAuth provider: a person allows, a program proves itself by what it sends.
    "oauth2_provider:authorize": SIGNED_IN,
    "oauth2_provider:device": SIGNED_IN,
    "oauth2_provider:device-confirm": SIGNED_IN,
    "oauth2_provider:device-grant-status": SIGNED_IN,
    "oauth2_provider:device-authorization": PUBLIC,
    "oauth2_provider:token": PUBLIC,
    "oauth2_provider:revoke-token": PUBLIC,
    "oauth-metadata": PUBLIC,
    "oidc-sign-in": PUBLIC,
    "oidc-callback": PUBLIC,
    "panes": PUBLIC,
    "healthz": PUBLIC,
    "readyz": PUBLIC,
    "metrics": OWN,
    "favicon": PUBLIC,
    "admin": SIGNED_IN,  # admins only, which runs/admin says for each page
}

SOCKETS: dict[str, Rule] = {
    "ws/run/<int:run_id>/": READ,
    "ws/run/<int:run_id>/log/": READ,
    "ws/run/<int:run_id>/graph/": READ,
    "ws/run/<int:run_id>/table/": READ,
    "ws/tasks/<str:project>/<str:domain>/<str:task>/": READ,
    "ws/runs/<str:project>/<str:domain>/": READ,
    "ws/waiting/": LISTED,
    "ws/executors/": READ,
    "ws/executor/": OWN,
    "ws/worker/": OWN,
}


def rule_of_rpc(path: str) -> Rule | None:
    """path: /<service>/<method>; None for what is not in the table."""
    service, _, method = path.removeprefix("/").partition("/")
    return RPCS.get(service, {}).get(method)
