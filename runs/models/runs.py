"""Runs, their trees of actions, and what is recorded of each."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from runs.domain.phases import LABELS, LIVE, TERMINAL, Cause, Escalation, Kind, Phase
from runs.domain.variables.isolation import Isolation
from runs.models.projects import Project, TaskSpec

PHASES = [(phase.value, LABELS[phase]) for phase in Phase]
KINDS = [(kind.value, kind.name.lower()) for kind in Kind]
ESCALATIONS = [(step.value, step.name.lower()) for step in Escalation]
CAUSES = [(cause.value, cause.value) for cause in Cause]
_LIVE = sorted(LIVE)
_TERMINAL = sorted(TERMINAL)


class Run(models.Model):
    """One submission of a task and everything that came of it. Its phase is that of its root action, a0."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="runs")
    domain = models.CharField(max_length=63)
    name = models.CharField(max_length=30)
    org = models.CharField(max_length=63, blank=True, help_text="a label: echoed, never a key")
    spec = models.BinaryField(help_text="the flyteidl2.task.RunSpec, frozen at creation")
    labels = models.JSONField(default=dict, blank=True)
    envs = models.JSONField(default=dict, blank=True, help_text="environment variables of RunSpec.envs")
    base_uri = models.TextField(help_text="where the run's files live; ends with /")
    raw_data_prefix = models.TextField(help_text="where File, Dir and large values of the run are offloaded")
    started_from = models.DateTimeField(default=timezone.now, help_text="RunSpec.run_start_time")
    relation = models.CharField(
        max_length=16, blank=True, help_text="rerun | recover | spawn | triggered | on artifact"
    )
    related_to = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="+")
    created_by = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    seq = models.BigIntegerField(
        default=0, help_text="grows by one with each transaction that changes the run"
    )
    max_actions = models.IntegerField(
        default=0, help_text="how many of its actions may run at a time; 0 is unlimited"
    )
    packed_at = models.DateTimeField(
        null=True, help_text="when its small values were put into one file (store/packs.py)"
    )
    logs_deleted_at = models.DateTimeField(null=True, help_text="when retention deleted what it printed")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "domain", "name"], name="run_identity")]
        indexes = [
            models.Index(fields=["project", "domain", "created_at", "id"], name="run_listing"),
            models.Index(fields=["created_at"], name="run_unpacked", condition=Q(packed_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return self.name


class Abort(models.Model):
    """One request to stop. Every action that it reaches points at it; an action keeps the first one that reaches it."""

    class Scope(models.TextChoices):
        """What was asked to stop: the whole run, or one action with its subtree."""

        RUN = "run"
        ACTION = "action"

    run = models.ForeignKey(Run, models.CASCADE, related_name="aborts")
    target = models.ForeignKey("Action", models.CASCADE, related_name="requests")
    scope = models.CharField(max_length=16, choices=Scope.choices)
    cause = models.CharField(max_length=32, choices=CAUSES)
    actor = models.CharField(max_length=255, help_text="who asked, or the action that did")
    reason = models.TextField(blank=True)
    requested_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.cause} by {self.actor}"


class Action(models.Model):
    """A node of a run's tree: a task, a trace or a condition. Only `engine/book/book.py` writes phase, attempt and times."""

    # Each index is written with each row, so foreign keys have one only where no other begins with them.
    run = models.ForeignKey(Run, models.CASCADE, related_name="actions", db_index=False)
    name = models.CharField(max_length=30, help_text="unique in its run; the root is a0")
    parent = models.ForeignKey("self", models.CASCADE, null=True, related_name="children")
    kind = models.SmallIntegerField(choices=KINDS, default=Kind.TASK)
    phase = models.SmallIntegerField(choices=PHASES, default=Phase.QUEUED)
    group = models.CharField(max_length=255, blank=True)
    task_name = models.CharField(
        max_length=255, blank=True, help_text="environment.function, or the trace's name"
    )
    short_name = models.CharField(max_length=255, blank=True, help_text="what people call it")
    spec = models.ForeignKey(TaskSpec, models.PROTECT, null=True, related_name="+", db_index=False)
    pool = models.ForeignKey("Pool", models.PROTECT, null=True, related_name="+")
    detail = models.BinaryField(
        default=b"",
        help_text="the TraceAction or ConditionAction message; of a task what its parent said beside its spec",
    )
    attempt = models.IntegerField(default=1)
    max_attempts = models.IntegerField(default=1)
    system_failures = models.IntegerField(default=0, help_text="consecutive; reset by any other outcome")
    created_at = models.DateTimeField(default=timezone.now)
    queued_at = models.DateTimeField(default=timezone.now, help_text="when this attempt entered the queue")
    not_before = models.DateTimeField(null=True, help_text="a retry is not leased before this instant")
    started_at = models.DateTimeField(null=True, help_text="when the first attempt entered user code")
    ended_at = models.DateTimeField(null=True)
    max_runtime_seconds = models.FloatField(default=0, help_text="of one attempt; 0 is unlimited")
    queued_timeout_seconds = models.FloatField(default=0, help_text="of one attempt; 0 is unlimited")
    deadline_at = models.DateTimeField(null=True, help_text="the end of all attempts")
    due_at = models.DateTimeField(
        null=True, help_text="when the next of its limits passes; null when it has ended or is to stop"
    )
    exceeded = models.CharField(
        max_length=32, blank=True, help_text="the code of the limit for which this attempt is being stopped"
    )
    input_uri = models.TextField(blank=True, help_text="full path of inputs.pb")
    input_digest = models.TextField(
        blank=True, default="", help_text="its simple inputs, as runs/domain/inputs/digests.py makes them"
    )
    child_inputs = models.TextField(
        blank=True, default="", help_text="what tells its children apart: runs/domain/inputs/siblings.py"
    )
    output_uri = models.TextField(blank=True, help_text="a task: directory; a trace: full file path")
    cache_key = models.CharField(
        max_length=255, blank=True, help_text="the scope in which it counts, a colon, and the client's key"
    )
    cache_status = models.SmallIntegerField(default=0, help_text="Flyte's CatalogCacheStatus number")
    source = models.CharField(
        max_length=255,
        blank=True,
        help_text="project/domain/run/action/attempt whose outputs these are, when they are another's",
    )
    error_code = models.CharField(max_length=255, blank=True)
    error_kind = models.CharField(max_length=16, blank=True, help_text="user | system | unknown")
    error_message = models.TextField(blank=True)
    error_recoverable = models.BooleanField(
        default=False, help_text="of a trace: whether a retry runs it again"
    )
    value = models.BinaryField(
        default=b"", help_text="of a condition: the Literal that it was signalled with"
    )
    comment = models.TextField(
        blank=True, default="", help_text="of a condition: what was said with its value, as it was typed"
    )
    abort = models.ForeignKey(Abort, models.SET_NULL, null=True, related_name="actions")
    delivered_at = models.DateTimeField(null=True, help_text="when the executor cancelled the asyncio task")
    forced_at = models.DateTimeField(
        null=True, help_text="when somebody asked not to wait for its grace periods"
    )
    escalation = models.SmallIntegerField(
        choices=ESCALATIONS, default=Escalation.NONE, help_text="what its refusal to stop has come to"
    )
    refusing_since = models.DateTimeField(null=True, help_text="when its first grace period was over")
    escalates_at = models.DateTimeField(null=True, help_text="when the next step of its escalation comes")
    stuck_in = models.TextField(
        blank=True, help_text="the stack in which it refuses to stop, or of what goes on after its code"
    )
    goes_on = models.CharField(
        max_length=300, blank=True, help_text="what it has started and its end waits for, as a clause"
    )
    code_ended_at = models.DateTimeField(null=True, help_text="since when only that goes on")
    executor = models.ForeignKey(
        "Executor", models.SET_NULL, null=True, related_name="actions", db_index=False
    )
    lease_epoch = models.IntegerField(default=0, help_text="grows with each lease; an older holder is stale")
    is_isolated = models.BooleanField(
        default=False, help_text="a child process runs its code, whatever becomes of the executor's loop"
    )
    changed_seq = models.BigIntegerField(default=0, help_text="run.seq of the last change")
    isolation = models.CharField(
        max_length=8, default=Isolation.AUTO.value, help_text="FLYTEUI_ISOLATE of its task or run"
    )
    is_alone = models.BooleanField(
        default=False, help_text="its last lease was for a process of its own, an async def too"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "name"], name="action_identity"),
            models.CheckConstraint(
                condition=Q(phase__in=[p.value for p in Phase]), name="action_phase_known"
            ),
            models.CheckConstraint(
                condition=Q(phase__in=_TERMINAL, ended_at__isnull=False)
                | Q(phase__in=_LIVE, ended_at__isnull=True),
                name="action_ended_iff_terminal",
            ),
            models.CheckConstraint(condition=Q(attempt__gte=1), name="action_attempt_positive"),
            models.CheckConstraint(
                condition=~Q(phase=Phase.ABORTED) | Q(abort__isnull=False), name="action_aborted_has_abort"
            ),
        ]
        indexes = [
            models.Index(fields=["run", "changed_seq"], name="action_changes"),
            models.Index(fields=["run", "phase"], name="action_phases"),
            models.Index(fields=["executor", "phase"], name="action_held"),
            models.Index(
                fields=["pool", "run", "queued_at", "id"],
                name="action_queue",
                condition=Q(phase=Phase.QUEUED),
            ),
            # parent: so that what failed first is found in the index alone (runs/queries/long_runs.py).
            models.Index(
                fields=["run", "ended_at", "id", "parent"],
                name="action_failures",
                condition=Q(phase__in=[Phase.FAILED, Phase.TIMED_OUT]),
            ),
            # Which groups there are, and of each the members in order (runs/queries/tree/groups.py).
            models.Index(
                fields=["run", "parent", "group", "id"], name="action_groups", condition=~Q(group="")
            ),
            # id: so that the newest of a spec is one step in it (runs/queries/tasks/usage.py).
            models.Index(fields=["spec", "id"], name="action_specs"),
            # What waits for somebody, in all runs (runs/queries/conditions/waiting.py).
            models.Index(
                fields=["created_at", "id", "run"], name="action_paused", condition=Q(phase=Phase.PAUSED)
            ),
            models.Index(fields=["due_at"], name="action_due", condition=Q(due_at__isnull=False)),
            models.Index(
                fields=["not_before"], name="action_not_before", condition=Q(not_before__isnull=False)
            ),
            models.Index(fields=["created_at", "id"], name="action_roots", condition=Q(parent__isnull=True)),
            models.Index(fields=["source"], name="action_source", condition=Q(source__gt="")),
            models.Index(fields=["cache_key"], name="action_cache_key", condition=Q(cache_key__gt="")),
            models.Index(
                fields=["phase", "cache_status"], name="action_cache_work", condition=Q(cache_key__gt="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.short_name or self.name} ({self.name})"


class Attempt(models.Model):
    """One start of an action on an executor, and how it ended."""

    action = models.ForeignKey(Action, models.CASCADE, related_name="attempts")
    number = models.IntegerField(help_text="1-based; a system retry keeps the number")
    executor = models.ForeignKey("Executor", models.SET_NULL, null=True, related_name="+")
    lease_epoch = models.IntegerField(default=0)
    leased_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(
        max_length=16,
        blank=True,
        help_text="succeeded | failed | aborted | timed_out | interrupted | lost | innocent",
    )
    output_uri = models.TextField(blank=True, help_text="where this attempt writes outputs.pb or error.pb")
    error_code = models.CharField(max_length=255, blank=True)
    error_kind = models.CharField(max_length=16, blank=True)
    error_message = models.TextField(blank=True)
    cpu_seconds = models.FloatField(
        null=True,
        help_text="processor time of its processes, or the time of its steps on a shared event loop",
    )
    peak_memory_bytes = models.BigIntegerField(null=True, help_text="the most memory that it has had")
    cpu_percent = models.IntegerField(
        null=True, help_text="of one core: what its processes used when that was measured last"
    )
    memory_bytes = models.BigIntegerField(null=True, help_text="what they had then")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["action", "lease_epoch"], name="attempt_lease")]

    def __str__(self) -> str:
        return f"attempt {self.number}"


class ActionEvent(models.Model):
    """The append-only history: one row a transition, and one a request that changes no phase (to = from)."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="+")
    action = models.ForeignKey(Action, models.CASCADE, related_name="events")
    seq = models.BigIntegerField(help_text="run.seq of the transaction")
    from_phase = models.SmallIntegerField(choices=PHASES, null=True)
    to_phase = models.SmallIntegerField(choices=PHASES)
    attempt = models.IntegerField(default=1)
    cause = models.CharField(max_length=32, choices=CAUSES)
    actor = models.CharField(max_length=255, blank=True)
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{Phase(self.to_phase).label}: {self.cause}"


class LogChunk(models.Model):
    """Some lines that an attempt printed, in order of id. Lines: a JSON list of [microseconds, stream, text].

    A long log has a gap, behind its first part (runs/engine/logs.py).
    """

    action = models.ForeignKey(Action, models.CASCADE, related_name="logs")
    attempt = models.IntegerField()
    lines = models.BinaryField()
    upto = models.BigIntegerField(
        default=0, help_text="bytes of the log up to the end of this chunk, with what was left out"
    )
    left_out = models.BigIntegerField(default=0, help_text="bytes that were left out just before this chunk")

    class Meta:
        indexes = [models.Index(fields=["action", "attempt", "id"], name="log_order")]

    def __str__(self) -> str:
        return f"log of {self.action_id}/{self.attempt}"
