"""Processes that run actions, and what is remembered of tasks that disturb those with which they share one."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from runs.models.images import Image
from runs.models.projects import Project
from runs.models.runs import Run


class Pool(models.Model):
    """The set of actions that can share a process: same bundle, image and environment variables (DESIGN.md §2)."""

    key = models.CharField(
        max_length=64, unique=True, help_text="sha256 of what must be equal to share a process"
    )
    bundle_uri = models.TextField(blank=True, help_text="the tgz or pickle that holds the user's code")
    image = models.TextField(blank=True, help_text="as the task names it")
    built_image = models.ForeignKey(
        Image,
        models.PROTECT,
        null=True,
        related_name="pools",
        help_text="whose environment its executors have; null: the worker's own Python",
    )
    env = models.JSONField(default=dict, help_text="environment variables of the process")
    slow_start = models.CharField(
        max_length=500, blank=True, help_text="why its modules are not imported before an executor is forked"
    )
    created_at = models.DateTimeField(default=timezone.now)
    unused_since = models.DateTimeField(null=True, help_text="since when no action and no executor has it")

    def __str__(self) -> str:
        return self.key[:12]


class Executor(models.Model):
    """A process that holds actions of one pool, and there of one run; of several only where there was no room for one each."""

    class State(models.TextChoices):
        """STARTING: asked of a worker. BLOCKED: connected, but user code does not let its event loop run.
        DRAINING: connected, and leaves once it holds nothing. STOPPING: its process must end, because what it holds does not stop; its worker sees to it.
        GONE: its process has ended or its lease has run out.
        """

        STARTING = "starting"
        CONNECTED = "connected"
        BLOCKED = "blocked"
        DISCONNECTED = "disconnected"
        DRAINING = "draining"
        STOPPING = "stopping"
        GONE = "gone"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    pool = models.ForeignKey(Pool, models.PROTECT, related_name="executors")
    runs = models.ManyToManyField(
        Run, related_name="executors", help_text="whose actions it takes; those that have ended stay listed"
    )
    state = models.CharField(max_length=16, choices=State.choices, default=State.STARTING)
    epoch = models.IntegerField(default=0, help_text="grows with each connection; a lower one is stale")
    worker = models.CharField(max_length=255, blank=True)
    host = models.CharField(max_length=255, blank=True)
    pid = models.IntegerField(null=True)
    capacity = models.IntegerField(default=0, help_text="how many in-loop actions it takes")
    acked_seq = models.BigIntegerField(default=0, help_text="the last event batch that was applied")
    requested_at = models.DateTimeField(default=timezone.now)
    connected_at = models.DateTimeField(null=True)
    reached_at = models.DateTimeField(
        null=True, help_text="since when what is sent to it arrives, but for short interruptions"
    )
    heartbeat_at = models.DateTimeField(null=True, help_text="when its last batch of events was applied")
    unproved_since = models.DateTimeField(
        null=True, help_text="when it connected for the first time since a batch of its events was applied"
    )
    unproved_connections = models.IntegerField(default=0, help_text="how often it has connected since then")
    disconnected_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=500, blank=True)
    drain_asked_at = models.DateTimeField(
        null=True,
        help_text="when it was asked to leave once it holds nothing; it takes no leases from then on",
    )
    drain_actor = models.CharField(max_length=255, blank=True, help_text="who asked that")
    blocked_since = models.DateTimeField(null=True, help_text="since when user code has kept its event loop")
    blocked_by = models.ForeignKey(
        "Action", models.SET_NULL, null=True, related_name="+", help_text="the action whose code that is"
    )
    blocked_in = models.TextField(blank=True, help_text="the stack of that code")
    is_silent = models.BooleanField(
        default=False, help_text="that code keeps Python's lock, so its worker reports in its place"
    )

    class Meta:
        indexes = [models.Index(fields=["pool"], name="executor_alive", condition=~Q(state="gone"))]

    def __str__(self) -> str:
        return str(self.id)[:8]


class Manner(models.Model):
    """What a task was seen to do to those with which it shared a process; its actions run alone (runs/engine/manners.py)."""

    class Kind(models.TextChoices):
        """BLOCKED its event loop, which others waited for. DIED, and others with it. LEFT_BEHIND processes or threads that
        outlived it. CHANGED the state of the process: its folder, signal handlers, descriptors.
        """

        BLOCKED = "blocked"
        DIED = "died"
        LEFT_BEHIND = "left behind"
        CHANGED = "changed"

    project = models.ForeignKey(Project, models.CASCADE, related_name="+", db_index=False)
    domain = models.CharField(max_length=63)
    task_name = models.CharField(max_length=255, help_text="environment.function, of any version")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    detail = models.CharField(max_length=300, help_text="for the page, such as: blocked its loop for 4.2 s")
    run_name = models.CharField(max_length=30, help_text="where it was seen last")
    seen_at = models.DateTimeField()
    clean_executions = models.IntegerField(default=0, help_text="since then, without a fault")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "domain", "task_name"], name="manner_identity")
        ]

    def __str__(self) -> str:
        return f"{self.task_name} {self.detail}"
