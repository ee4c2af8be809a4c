"""Fields, constraints and indexes. No behaviour: reads are in `queries/`, writes in `engine/`.

Django finds the tables of an app here, and so does everybody else.
"""

from __future__ import annotations

from runs.models.access import APIKey, AuditEntry, Member, ProviderAccount
from runs.models.executors import Executor, Manner, Pool
from runs.models.keeping import CacheEntry, Deletion, Lock
from runs.models.projects import DeployedTask, Project, TaskSpec
from runs.models.runs import Abort, Action, ActionEvent, Attempt, LogChunk, Run

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
    "Lock",
    "LogChunk",
    "Manner",
    "Member",
    "Pool",
    "Project",
    "ProviderAccount",
    "Run",
    "TaskSpec",
]
