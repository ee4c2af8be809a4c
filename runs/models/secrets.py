"""Values that tasks need and nobody may read: encrypted, and never in a page, an answer or the admin site."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from runs.domain.secrets import Kind
from runs.models.projects import Project


class Secret(models.Model):
    """A secret of a project and domain, of a domain (no project), or of the organisation (no domain either)."""

    project = models.ForeignKey(Project, models.CASCADE, null=True, related_name="+", db_index=False)
    domain = models.CharField(max_length=63, blank=True)
    name = models.CharField(max_length=253)
    kind = models.SmallIntegerField(
        choices=[(kind.value, kind.words) for kind in Kind], default=Kind.REGULAR.value
    )
    value = models.BinaryField(help_text="encrypted (runs/store/ciphers.py)")
    created_by = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_by = models.CharField(max_length=255, blank=True)
    updated_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "domain", "name"], name="secret_identity"),
            # To a database one null is not another.
            models.UniqueConstraint(
                fields=["domain", "name"], condition=Q(project__isnull=True), name="secret_of_all_projects"
            ),
            models.CheckConstraint(
                condition=Q(project__isnull=True) | ~Q(domain=""), name="secret_of_project_has_domain"
            ),
        ]

    def __str__(self) -> str:
        return self.name
