"""What runs says in its row what it printed last and what it uses: at most one frame a second has it, whatever is printed."""

from __future__ import annotations

import json

import pytest
from django.utils import timezone

from runs.domain.phases import Phase
from runs.live.beside_rows import GAP_SECONDS
from runs.live.feed import POLL_SECONDS
from runs.live.run import RunFeed
from runs.models import Action, Attempt, Run
from runs.protocol.messages import Hello, Lines, Select
from runs.queries.logs.last_lines import MAX_SHOWN, TAIL_BYTES, last_line, read_last_lines
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run() -> Run:
    """main > three steps, of which two run."""
    run = factories.make_run("3")
    factories.change(run.actions.get(name="a0-2"), phase=Phase.SUCCEEDED, ended_at=timezone.now())
    return run


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("runs.live.beside_rows.time.monotonic", lambda: now[0])
    return now


def make_feed(run: Run, *, lines: bool = True) -> RunFeed:
    feed = RunFeed(run.pk, lambda _: None)  # type: ignore[arg-type, return-value]
    feed.apply(Hello(since=-1, first=0, count=100, lines=lines))
    return feed


def lines_of(feed: RunFeed) -> dict[str, str] | None:
    return news_of(feed, "lines")


def news_of(feed: RunFeed, field: str) -> dict[str, str] | None:
    """Of the next frame, without names that have nothing to say."""
    feed.compose()
    found: dict[str, str] | None = feed.extras.get(field)
    return found and {name: text for name, text in found.items() if text}


def meter(action: Action, percent: int, mebibytes: int) -> None:
    """A sample of its process, which came with its first one."""
    factories.change(action, is_isolated=True, lease_epoch=1)
    sample = {"cpu_percent": percent, "memory_bytes": mebibytes * 2**20}
    Attempt.objects.update_or_create(action=action, lease_epoch=1, number=1, defaults=sample)


def chunk(*lines: tuple[str, str]) -> bytes:
    return json.dumps([[17, *line] for line in lines], separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        ([("out", "one"), ("log", "two\n")], "two"),
        ([("out", "one"), ("out", "  \n"), ("system", "attempt 2")], "one"),
        ([("err", "\x1b[31mred\x1b[0m  and\tso on")], "red and so on"),
        ([("out", "10 %\r90 %")], "90 %"),
        ([("out", '[1,"out","made up"],[2,')], '[1,"out","made up"],[2,'),
        ([("out", 'a "quoted" \\ text — ü')], 'a "quoted" \\ text — ü'),
        ([("out", "x" * 500)], "x" * (MAX_SHOWN - 1) + "…"),
        ([("system", "a note of ours")], ""),
        ([], ""),
    ],
)
def test_the_last_line_is_the_last_that_is_not_blank(lines: list[tuple[str, str]], shown: str):
    assert last_line(chunk(*lines)) == shown


def test_of_a_long_chunk_only_the_end_is_read(run: Run, django_assert_num_queries):
    root, one, other = (run.actions.get(name=name) for name in ("a0", "a0-0", "a0-1"))
    factories.make_log(one, *[f"line {n} [1, " for n in range(2000)])
    factories.make_log(other, "before", "y" * TAIL_BYTES)

    with django_assert_num_queries(1):
        found = read_last_lines([one.pk, other.pk, root.pk])

    assert found == {one.pk: "line 1999 [1,"}


def test_only_the_newest_attempt_counts(run: Run):
    action = run.actions.get(name="a0-0")
    factories.make_log(action, "of the first", attempt=1)
    factories.make_log(action, "of the second", attempt=2)
    factories.make_log(action, "late, of the first", attempt=1)
    factories.change(action, attempt=2)

    assert read_last_lines([action.pk]) == {action.pk: "of the second"}


def test_frames_bring_what_changed_once_a_second(run: Run, now: list[float]):
    factories.make_log(run.actions.get(name="a0-0"), "one")
    factories.make_log(run.actions.get(name="a0-2"), "of what has ended")
    feed = make_feed(run)
    assert lines_of(feed) == {"a0-0": "one"}
    assert feed.patience == GAP_SECONDS

    factories.make_log(run.actions.get(name="a0-0"), "two")
    assert feed.compose() is None  # within the second
    now[0] += GAP_SECONDS
    assert lines_of(feed) == {"a0-0": "two"}
    now[0] += GAP_SECONDS
    assert feed.compose() is None  # nothing is new

    feed.take(Hello(since=-1, first=0, count=100, lines=True))
    assert lines_of(feed) == {"a0-0": "two"}


def test_an_action_that_begins_anew_has_no_line_of_its_last_attempt(run: Run, now: list[float]):
    action = run.actions.get(name="a0-0")
    factories.make_log(action, "one")
    feed = make_feed(run)
    lines_of(feed)
    factories.change(action, attempt=2)

    now[0] += GAP_SECONDS
    feed.compose()

    assert feed.extras["lines"] == {"a0-0": ""}


def test_what_has_come_back_into_the_page_has_no_line_of_its_last_attempt(run: Run, now: list[float]):
    action = run.actions.get(name="a0-0")
    factories.make_log(action, "one")
    feed = make_feed(run)
    lines_of(feed)
    factories.change(action, phase=Phase.QUEUED)
    now[0] += GAP_SECONDS
    feed.compose()
    factories.change(action, phase=Phase.RUNNING, attempt=2)
    now[0] += GAP_SECONDS
    feed.compose()

    assert feed.extras["lines"] == {"a0-0": ""}


def test_no_row_holds_a_line_and_one_that_says_more_is_not_asked_for(run: Run):
    factories.make_log(run.actions.get(name="a0-0"), "a line")
    factories.change(run.actions.get(name="a0-1"), abort=factories.make_abort(run.actions.get(name="a0-1")))

    factories.make_log(run.actions.get(name="a0-1"), "another line")
    feed = make_feed(run)

    assert "a line" not in (feed.compose() or "")
    assert feed.extras["lines"] == {"a0": "", "a0-0": "a line"}


def test_who_does_not_show_them_costs_nothing(run: Run, django_assert_num_queries):
    factories.make_log(run.actions.get(name="a0-0"), "one")
    feed = make_feed(run, lines=False)
    assert lines_of(feed) is None
    assert feed.patience == POLL_SECONDS
    with django_assert_num_queries(1):
        feed.compose()

    feed.apply(Lines(on=True))
    assert lines_of(feed) == {"a0-0": "one"}


def test_frames_bring_what_a_process_uses_where_it_is_measured(run: Run, now: list[float]):
    action = run.actions.get(name="a0-0")
    meter(action, 12, 340)
    feed = make_feed(run)
    assert news_of(feed, "uses") == {"a0-0": "12% · 340 MiB"}

    now[0] += GAP_SECONDS
    assert feed.compose() is None  # nothing is new
    meter(action, 0, 340)
    now[0] += GAP_SECONDS
    assert news_of(feed, "uses") == {"a0-0": "0% · 340 MiB"}

    factories.change(action, phase=Phase.SUCCEEDED, ended_at=timezone.now())
    now[0] += GAP_SECONDS
    feed.compose()
    assert "uses" not in feed.extras


def test_a_sample_of_an_attempt_before_is_none_of_this_one(run: Run, now: list[float]):
    action = run.actions.get(name="a0-0")
    meter(action, 12, 340)
    factories.change(action, attempt=2, lease_epoch=2)
    Attempt.objects.create(action=action, number=2, lease_epoch=2)
    feed = make_feed(run)

    assert news_of(feed, "uses") == {}


def test_the_panel_has_what_its_action_uses_though_the_rows_do_not_show_it(run: Run, now: list[float]):
    for name in ("a0-0", "a0-1"):
        meter(run.actions.get(name=name), 12, 340)
    feed = make_feed(run, lines=False)
    assert news_of(feed, "uses") is None

    feed.apply(Select(name="a0-1"))
    assert news_of(feed, "uses") == {"a0-1": "12% · 340 MiB"}


def test_a_run_without_processes_is_asked_for_no_samples(run: Run, django_assert_num_queries):
    feed = make_feed(run)
    feed.compose()
    feed._beside._due_at = 0.0
    with django_assert_num_queries(2):  # what changed, and the last lines
        feed.compose()
