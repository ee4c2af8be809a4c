"""What is kept when runs are gone, and who may work for the whole installation."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from runs.models.runs import Run


class CacheEntry(models.Model):
    """Outputs that another action with this key may take for its own (runs/engine/cache.py)."""

    key = models.CharField(max_length=255, unique=True, help_text="an Action.cache_key")
    output_uri = models.TextField(help_text="the directory of outputs.pb")
    source = models.CharField(max_length=255, help_text="project/domain/run/action/attempt that made them")
    created_at = models.DateTimeField(help_text="when that attempt ended")

    class Meta:
        verbose_name_plural = "cache entries"

    def __str__(self) -> str:
        return self.key


class Deletion(models.Model):
    """A run that was deleted, so that its address says what became of it (runs/engine/retention/deletions.py)."""

    class Cause(models.TextChoices):
        """RETENTION: its time was over. ASKED: somebody asked for it."""

        RETENTION = "retention"
        ASKED = "asked"

    # Names, because what they named is gone.
    project = models.CharField(max_length=63)
    domain = models.CharField(max_length=63)
    name = models.CharField(max_length=30)
    run = models.OneToOneField(
        Run, models.SET_NULL, null=True, related_name="deletion", help_text="as long as rows of it are left"
    )
    run_created_at = models.DateTimeField()
    actions = models.IntegerField(help_text="how many it had")
    cause = models.CharField(max_length=16, choices=Cause.choices)
    actor = models.CharField(max_length=255, help_text="who asked, or the setting that says so")
    deleted_at = models.DateTimeField()
    cleared_at = models.DateTimeField(null=True, help_text="when its files were gone, too")
    freed_bytes = models.BigIntegerField(default=0, help_text="of its files")
    kept_files = models.IntegerField(default=0, help_text="files or folders that something else uses")

    class Meta:
        indexes = [
            models.Index(fields=["project", "domain", "name"], name="deletion_lookup"),
            models.Index(fields=["id"], name="deletion_pending", condition=Q(cleared_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.project}/{self.domain}/{self.name}"


class Lock(models.Model):
    """A name that one process of the whole installation holds until `expires_at`, unless it renews it (runs/engine/locks.py)."""

    name = models.CharField(max_length=300, unique=True)
    holder = models.CharField(max_length=255)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name}: {self.holder}"
