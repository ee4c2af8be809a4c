"""Services and methods of Flyte's API that this server has not: which feature that is, and what to do instead. Pure.

A test walks the services of flyteidl2, so that each is either served or named here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

UNKNOWN = "Not implemented"  # what the generated base classes say of a method that nobody has written


@dataclass(frozen=True, slots=True)
class Unsupported:
    """feature: with its verb, such as "triggers are". instead: what to do, as a clause."""

    feature: str
    instead: str

    def __str__(self) -> str:
        return f"{self.feature} not supported by flyteui: {self.instead}"


TRIGGERS = Unsupported(
    "triggers are",
    "deploy the task without them, and have cron or another scheduler call `flyte run deployed-task`",
)
APPS = Unsupported("apps are", "start such a program beside flyteui, and give its address to the tasks")
CACHE = Unsupported(
    "the cache as a service is", "tasks that declare a cache use it through the server by themselves"
)
CONNECTORS = Unsupported("connectors are", "call the other system by its own client, in a task")
OLDER_WORKERS = Unsupported(
    "the protocol of older workers is", "executors of flyteui take part by ActionsService"
)
CONSOLE = Unsupported("the console of Flyte is", "open the page of the run, whose address `flyte run` prints")

SERVICES: Mapping[str, Unsupported] = {
    "flyteidl2.app.AppService": APPS,
    "flyteidl2.app.AppLogsService": APPS,
    "flyteidl2.artifact.ArtifactService": Unsupported(
        "artifacts are", "take the outputs of a run: flyte.remote.Run.get(name).outputs()"
    ),
    "flyteidl2.cacheservice.CacheService": CACHE,
    "flyteidl2.cacheservice.v2.CacheService": CACHE,
    "flyteidl2.connector.AsyncConnectorService": CONNECTORS,
    "flyteidl2.connector.ConnectorMetadataService": CONNECTORS,
    "flyteidl2.org.DomainService": Unsupported(
        "changing domains is", "name them in the server's setting FLYTEUI_DOMAINS"
    ),
    "flyteidl2.settings.SettingsService": Unsupported(
        "settings of a project are",
        "set them for a run (flyte.with_runcontext) or for the server (FLYTEUI_…)",
    ),
    "flyteidl2.trigger.TriggerService": TRIGGERS,
    "flyteidl2.workflow.EventsProxyService": OLDER_WORKERS,
    "flyteidl2.workflow.InternalRunService": OLDER_WORKERS,
    "flyteidl2.workflow.QueueService": OLDER_WORKERS,
    "flyteidl2.workflow.StateService": OLDER_WORKERS,
    "flyteidl2.workflow.TrackedRunService": Unsupported(
        "tracking of local runs is", "run without --tracked (local.tracked: false), or on the server"
    ),
    "flyteidl2.workflow.TranslatorService": CONSOLE,
}
METHODS: Mapping[str, Unsupported] = {
    "flyteidl2.workflow.RunService/GetActionData": Unsupported(
        "RunService/GetActionData is", "call DataProxyService/GetActionData"
    ),
    "flyteidl2.workflow.RunService/WatchRuns": CONSOLE,
    "flyteidl2.workflow.RunService/WatchClusterEvents": CONSOLE,
    "flyteidl2.workflow.RunService/WatchGroups": CONSOLE,
    "flyteidl2.workflow.RunService/GetActionLogContext": CONSOLE,
}


def why_unsupported(path: str) -> str:
    """Words for a call of <service>/<method> that nobody serves."""
    service = path.strip("/").partition("/")[0]
    found = METHODS.get(path.strip("/")) or SERVICES.get(service)
    return str(found) if found else f"there is no {path.strip('/')[:200]!r} here"
