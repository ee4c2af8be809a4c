"""What is measured in this process, and how it is written down for Prometheus. Knows no database and no Django.

Labels are of bounded number: causes, phases, states, and the few pools that have the longest queues.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_LATEST
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

# From a cancel on an idle machine to what has used up both of its grace periods.
_ABORT_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
DELIVERY_SECONDS = Histogram(
    "flyteui_abort_delivery_seconds", "From the request of an abort to the cancel of the task, by cause.", ["cause"],
    buckets=_ABORT_SECONDS, registry=REGISTRY,
)  # fmt: skip
STOP_SECONDS = Histogram(
    "flyteui_abort_stop_seconds", "From the request of an abort to the end of what an executor held, by cause.", ["cause"],
    buckets=_ABORT_SECONDS, registry=REGISTRY,
)  # fmt: skip
ENDED = Counter(
    "flyteui_actions_ended_total", "Actions that came to a terminal phase here.", ["phase"], registry=REGISTRY
)
BATCH_SECONDS = Histogram(
    "flyteui_batch_seconds", "From the receipt of an executor's batch to its commit.", registry=REGISTRY,
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)  # fmt: skip
BATCH_EVENTS = Histogram(
    "flyteui_batch_events", "Events in an executor's batch.", registry=REGISTRY,
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
)  # fmt: skip
CONNECTIONS = Counter(
    "flyteui_executor_connections_total",
    "Executors that said hello: for the first time, or again.",
    ["time"],
    registry=REGISTRY,
)
AWAY_SECONDS = Histogram(
    "flyteui_executor_away_seconds", "How long an executor that came back had been out of reach.", registry=REGISTRY,
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600),
)  # fmt: skip
FRAMES = Counter("flyteui_page_frames_total", "Frames sent to live pages.", ["page"], registry=REGISTRY)
FRAME_SECONDS = Histogram(
    "flyteui_page_frame_cpu_seconds", "Processor time that composing a frame of a live page took.", ["page"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1), registry=REGISTRY,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stopped:
    """An aborted action that an executor held. delivered_at is None when the executor was gone before."""

    cause: str
    requested_at: datetime
    delivered_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Counts:
    """What the database holds at one instant.

    queues: (pool, waiting actions, seconds that the oldest of them waits), the longest first; rest: of all other pools.
    away_seconds: of the connection that has been lost the longest; 0 when none is. tasks_alone: whose actions run alone,
    because of what they did.
    """

    live: Mapping[str, int]
    aborting: int
    queues: Sequence[tuple[str, int, float]]
    rest: tuple[int, float]
    executors: Mapping[str, int]
    away_seconds: float
    tasks_alone: int
    workers: int = 0
    blocked: Sequence[
        tuple[str, float]
    ] = ()  # who blocks an event loop, "run/action", and for how many seconds


def observe(ended: Iterable[str], stopped: Iterable[Stopped]) -> None:
    """Count what a committed transaction ended: the phases, and the aborts that came to their end."""
    for phase in ended:
        ENDED.labels(phase).inc()
    for one in stopped:
        assert one.ended_at is not None
        STOP_SECONDS.labels(one.cause).observe((one.ended_at - one.requested_at).total_seconds())
        if one.delivered_at is not None:
            DELIVERY_SECONDS.labels(one.cause).observe((one.delivered_at - one.requested_at).total_seconds())


def connected(away_seconds: float | None) -> None:
    """Count a hello; away_seconds is None for the first one."""
    CONNECTIONS.labels("first" if away_seconds is None else "again").inc()
    if away_seconds is not None:
        AWAY_SECONDS.observe(away_seconds)


def render(counts: Counts) -> bytes:
    """Prometheus' text format."""
    momentary = CollectorRegistry()
    momentary.register(_Gauges(counts))
    return generate_latest(REGISTRY) + generate_latest(momentary)


class _Gauges(Collector):
    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        counts = self._counts
        yield _by("phase", "flyteui_actions", "Actions that have not ended, by phase.", counts.live)
        yield _one(
            "flyteui_actions_aborting", "Actions that were asked to stop and have not.", counts.aborting
        )
        queues = [*counts.queues, ("other", *counts.rest)]
        about = "of the pools with the longest queues, and of all others together."
        yield _by(
            "pool", "flyteui_queued_actions", f"Waiting actions {about}", {pool: n for pool, n, _ in queues}
        )
        yield _by(
            "pool", "flyteui_queue_oldest_seconds", f"How long the oldest one waits, {about}",
            {pool: seconds for pool, _, seconds in queues},
        )  # fmt: skip
        yield _by("state", "flyteui_executors", "Executors that are not gone, by state.", counts.executors)
        yield _one(
            "flyteui_executor_longest_away_seconds", "How long the executor that is out of reach the longest has been so.",
            counts.away_seconds,
        )  # fmt: skip
        yield _by(
            "action", "flyteui_loop_blocked_seconds", "How long an action has blocked the event loop of its executor.",
            dict(counts.blocked),
        )  # fmt: skip
        yield _one(
            "flyteui_tasks_alone",
            "Tasks whose actions run alone because of what they did.",
            counts.tasks_alone,
        )
        yield _one("flyteui_workers", "Workers that are connected to this web process.", counts.workers)


def _by(label: str, name: str, about: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family


def _one(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)
