"""Projects, and the tasks that were deployed to them or came with a run."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Project(models.Model):
    """A namespace of runs. Its domains are the setting FLYTEUI_DOMAINS."""

    name = models.CharField(max_length=63, unique=True)
    display_name = models.CharField(max_length=100, blank=True)
    description = models.CharField(max_length=300, blank=True)
    labels = models.JSONField(default=dict, blank=True)
    is_archived = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name


class TaskSpec(models.Model):
    """A task as the client serialised it, deduplicated: ten thousand equal calls share one row."""

    digest = models.CharField(max_length=64, unique=True, help_text="sha256 of spec")
    spec = models.BinaryField(help_text="a flyteidl2.task.TaskSpec message")
    name = models.CharField(max_length=255, db_index=True, help_text="environment.function")
    version = models.CharField(max_length=63, blank=True)
    short_name = models.CharField(max_length=255, blank=True)
    environment = models.CharField(max_length=63, blank=True)
    task_type = models.CharField(max_length=63, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    unused_since = models.DateTimeField(
        null=True, help_text="since when no action and no deployed task has it"
    )

    def __str__(self) -> str:
        return self.name


class DeployedTask(models.Model):
    """A task that `flyte deploy` registered under a name and a version."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="tasks")
    domain = models.CharField(max_length=63)
    name = models.CharField(max_length=255)
    version = models.CharField(max_length=63)
    spec = models.ForeignKey(TaskSpec, models.PROTECT, related_name="+")
    deployed_by = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "domain", "name", "version"], name="deployed_task_identity"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"
