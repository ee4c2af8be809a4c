"""Who may do what, and who did: members, keys, accounts, the audit."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from runs.domain.roles import Role
from runs.models.projects import Project

ROLES = [(role.value, role.label) for role in Role]


class Member(models.Model):
    """The role of a user, or of a group of the identity provider, in a project or in all of them."""

    class Kind(models.TextChoices):
        """What `name` is the name of."""

        USER = "user"
        GROUP = "group"

    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.USER)
    name = models.CharField(max_length=150, help_text="as whoever signs in is called, or the group's name")
    project = models.ForeignKey(
        Project, models.CASCADE, null=True, blank=True, related_name="members", help_text="none: all projects"
    )
    role = models.SmallIntegerField(choices=ROLES, default=Role.VIEWER.value)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "name", "project"], name="member_identity"),
            # To a database one null is not another.
            models.UniqueConstraint(
                fields=["kind", "name"], condition=Q(project__isnull=True), name="member_everywhere"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class AuditEntry(models.Model):
    """Who did something, or tried to (runs/access/audit.py). Rows are added and never changed."""

    at = models.DateTimeField(default=timezone.now)
    subject = models.CharField(
        max_length=255, blank=True, help_text="the stable id; empty when nobody was verified"
    )
    name = models.CharField(max_length=255, blank=True)
    way = models.CharField(
        max_length=16, blank=True, help_text="page, CLI, key, admin, run, manage.py or local"
    )
    behalf = models.CharField(max_length=255, blank=True, help_text="for whom they said that they asked")
    deed = models.CharField(max_length=32)
    target = models.CharField(
        max_length=300, blank=True, help_text="project/domain/run/action, or what else it is"
    )
    project = models.CharField(max_length=63, blank=True)
    outcome = models.CharField(max_length=16, help_text="done, refused or failed")
    note = models.CharField(
        max_length=500, blank=True, help_text="the reason that was given, or why it was refused"
    )

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["at"], name="audit_time"),
            models.Index(fields=["project", "at"], name="audit_project"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.deed} {self.target}"


class APIKey(models.Model):
    """A key for a program (runs/access/oauth/keys.py). Its secret is the client's, of which there is a hash."""

    name = models.CharField(max_length=100, unique=True)
    client = models.OneToOneField("oauth2_provider.Application", models.CASCADE, related_name="api_key")
    role = models.SmallIntegerField(choices=ROLES, default=Role.VIEWER)
    project = models.ForeignKey(
        Project, models.CASCADE, null=True, blank=True, related_name="keys", help_text="none: all projects"
    )
    created_by = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="none: when it is revoked")
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="to the minute")

    class Meta:
        verbose_name = "API key"

    def __str__(self) -> str:
        return self.name


class ProviderAccount(models.Model):
    """Which user an account of the OpenID Connect provider is: by its stable id, never by a name that may change hands."""

    user = models.OneToOneField("auth.User", models.CASCADE, related_name="provider_account")
    issuer = models.CharField(max_length=300)
    subject = models.CharField(max_length=255, help_text="the claim sub")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="provider_account")]

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"
