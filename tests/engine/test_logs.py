"""The bound of an attempt's log: what is kept, what it costs, and what every reader says of the rest."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum
from django.db.models.functions import Length
from django.template.loader import render_to_string
from django.test.utils import CaptureQueriesContext

from runs.domain.names import ROOT
from runs.engine import logs as kept
from runs.models import Executor, LogChunk
from runs.protocol import frames
from runs.queries.logs import action_log
from runs.store import hints
from tests.support.scene import Scene

pytestmark = pytest.mark.django_db
LINE = 50_000


def printing(scene: Scene, first: int, count: int, *, name: str = ROOT, attempt: int = 1) -> frames.LogLines:
    """So many numbered lines of 50 kB."""
    lines = [(frames.now_us(), "out", f"{first + n:05} ".ljust(LINE, ".")) for n in range(count)]
    return frames.LogLines(scene.key(name), attempt, lines)


def play(total: int, *, at_once: int = 10) -> Scene:
    scene = Scene()
    scene.start()
    for first in range(0, total, at_once):
        scene.batch(printing(scene, first, at_once))
    return scene


def stored() -> int:
    total: int = LogChunk.objects.aggregate(bytes=Sum(Length("lines")))["bytes"]
    return total


def kept_lines(scene: Scene) -> list[action_log.LogLine]:
    return [
        line
        for chunk in LogChunk.objects.order_by("pk")
        for line in action_log.parse_lines(bytes(chunk.lines), 1, chunk.pk)
    ]


def numbers(lines: Any) -> list[int]:
    return [int(line.text[:5]) for line in lines if line.stream == "out"]


def test_a_log_within_the_bound_is_kept_whole():
    scene = play(200)

    log = action_log.read_whole_log(scene.action().pk)

    assert kept.MAX_LOG_BYTES == 10 * 1024 * 1024
    assert log.count("\n") == 200
    assert "left out" not in log


@pytest.mark.parametrize("at_once", [5, 40, 400])
def test_a_long_log_keeps_its_first_and_its_last_part_and_never_grows_beyond_its_bound(at_once):
    scene = Scene()
    scene.start()
    for first in range(0, 400, at_once):
        scene.batch(printing(scene, first, at_once))
        assert stored() <= kept.MAX_LOG_BYTES

    all_kept = numbers(kept_lines(scene))
    head = next(at for at, number in enumerate(all_kept) if number != at)
    assert all_kept[:head] == list(range(head))
    assert all_kept[head:] == list(range(all_kept[head], 400))
    assert min(head, 400 - all_kept[head]) * LINE > kept.MAX_LOG_BYTES // 3


def test_every_reader_says_once_how_much_is_left_out():
    scene = play(400)
    action = scene.action()
    gone = 400 - len(numbers(kept_lines(scene)))

    whole = action_log.read_whole_log(action.pk).splitlines()
    (system,) = [line for line in whole if " system " in line]
    assert float(system.split(" system ")[1].split(" MB ")[0]) == pytest.approx(gone * LINE / 1e6, rel=0.01)

    offset = action_log.LogOffset()
    read: list[action_log.LogLine] = []
    while (more := action_log.read_after(action.pk, offset)).lines:
        offset = more.offset
        read += more.lines
    assert [line.stream for line in read].count("system") == 1

    upwards = [action_log.read_end(action.pk)]
    while upwards[-1].is_cut:
        first = next(line.place for line in upwards[-1].lines if line.place)
        upwards.append(action_log.read_before(action.pk, first))
    assert [line.stream for part in upwards for line in part.lines].count("system") == 1

    offset = action_log.LogOffset()
    sent: list[action_log.LogLine] = []
    while (page := action_log.read_attempt(action.pk, 1, offset)[0]).lines:
        offset = page.offset
        sent += page.lines
    assert [line.stream for line in sent].count("system") == 1

    found = action_log.search_log(action.pk, "00399")
    assert (found.total, found.left_out // LINE) == (1, gone)
    text = render_to_string("runs/log/_found_lines.html", {"found": found, "text": "00399"})
    assert "were left out and could not be searched" in text


def test_who_follows_a_log_goes_on_behind_the_gap_when_the_last_chunk_read_is_gone():
    scene = play(110)
    seen = action_log.read_end(scene.action().pk)

    for first in range(110, 600, 10):
        scene.batch(printing(scene, first, 10))
    more = action_log.read_after(scene.action().pk, seen.offset)

    assert not LogChunk.objects.filter(pk=seen.offset.chunk).exists()
    assert more.lines[0].stream == "system"
    assert numbers(more.lines)[0] > 110


def test_each_attempt_has_a_bound_of_its_own():
    scene = play(300)
    size = stored()

    scene.batch(printing(scene, 0, 5, attempt=2))

    assert stored() - size > 5 * LINE
    assert LogChunk.objects.filter(attempt=2).latest("pk").upto < 6 * LINE


def test_the_bound_holds_over_connections():
    scene = play(150)
    scene.epoch += 1
    Executor.objects.update(epoch=scene.epoch)

    for first in range(150, 400, 10):
        scene.batch(printing(scene, first, 10))

    assert stored() <= kept.MAX_LOG_BYTES


def test_a_log_is_measured_once_a_connection(django_capture_on_commit_callbacks: Any):
    scene = play(10)
    with CaptureQueriesContext(connection) as first, django_capture_on_commit_callbacks(execute=True):
        scene.batch(printing(scene, 10, 1))
    with CaptureQueriesContext(connection) as second:
        scene.batch(printing(scene, 11, 1))

    of_logs = [
        [one["sql"].split()[0] for one in captured.captured_queries if "runs_logchunk" in one["sql"]]
        for captured in (first, second)
    ]
    assert of_logs == [["SELECT", "INSERT"], ["INSERT"]]


@pytest.mark.django_db(transaction=True)
def test_what_is_printed_is_hinted_at_to_readers_of_the_action_and_of_the_run():
    scene = play(0)
    with hints.collected() as sent:
        scene.batch(printing(scene, 0, 1))

    groups = {hint.group for hint in sent}
    assert {hints.log_group(scene.action().pk), hints.run_log_group(scene.action().run_id)} <= groups
