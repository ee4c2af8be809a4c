"""Fields, constraints and indexes. No behaviour: reads are in `queries/`, writes in `engine/`.

Django finds the tables of an app here, and so does everybody else.
"""

from __future__ import annotations

from runs.models.access import APIKey, AuditEntry, Member, ProviderAccount
from runs.models.executors import Executor, Manner, Pool
from runs.models.images import Image
from runs.models.keeping import CacheEntry, Deletion, Lock
from runs.models.projects import DeployedTask, Project, TaskSpec
from runs.models.runs import Abort, Action, ActionEvent, Attempt, LogChunk, Run
from runs.models.secrets import Secret

__all__ = [
    "APIKey",
    "Abort",
    "Action",
    "ActionEvent",
    "Attempt",
    "AuditEntry",
    "CacheEntry",
    "Deletion",
    "DeployedTask",
    "Executor",
    "Image",
    "Lock",
    "LogChunk",
    "Manner",
    "Member",
    "Pool",
    "Project",
    "ProviderAccount",
    "Run",
    "Secret",
    "TaskSpec",
]
