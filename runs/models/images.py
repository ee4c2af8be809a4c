"""Images that tasks name and that are no container here but Python environments on a worker's machine."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from runs.models.runs import Run


class Image(models.Model):
    """An image by its name. It can be used once it has an environment, whatever its state says of a later build."""

    class State(models.TextChoices):
        """WANTED: a task needs it, and no build of it runs. BUILDING: `build_run` builds it. BUILT. FAILED: that build did.
        UNKNOWN: a task names it, and nobody can build it from its name alone.
        """

        WANTED = "wanted"
        BUILDING = "building"
        BUILT = "built"
        FAILED = "failed"
        UNKNOWN = "unknown"

    name = models.CharField(
        max_length=500, unique=True, help_text="<name>:<digest>, or the whole name of an image of the SDK"
    )
    state = models.CharField(max_length=16, choices=State.choices, default=State.WANTED)
    build_run = models.ForeignKey(
        Run, models.SET_NULL, null=True, related_name="+", help_text="the run that builds it, or has built it"
    )
    environment = models.CharField(
        max_length=64, blank=True, help_text="digest of its environment; empty before the first build"
    )
    python = models.CharField(max_length=32, blank=True)
    flyte = models.CharField(max_length=64, blank=True)
    not_honoured = models.JSONField(default=list, help_text="layers that only a container has, in words")
    problem = models.TextField(blank=True, help_text="why it cannot be used, in words")
    created_at = models.DateTimeField(default=timezone.now)
    built_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True, help_text="when an executor was last started in it")

    def __str__(self) -> str:
        return self.name
