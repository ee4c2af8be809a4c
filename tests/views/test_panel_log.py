"""The panel's log: of an action or an attempt, whole, in parts, searched, as a file."""

from __future__ import annotations

import pytest
from django.test import Client

from runs.domain.phases import Phase
from runs.models import LogChunk
from runs.queries.logs import action_log
from tests.support import factories
from tests.views.test_panels import RUN, panel

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_log_says_how_far_it_goes_and_whether_more_may_come():
    run = factories.make_run()
    chunk = factories.make_log(run.actions.get(), "first\n", "<second>\n")

    text = panel("a0", "logs")

    assert text.index("first") < text.index("&lt;second&gt;")
    assert f'data-chunk="{chunk.pk}" data-lines="0"' in text
    assert " data-live" in text
    assert " data-cut" not in text


def test_the_log_of_an_ended_action_is_not_followed():
    run = factories.make_run(phase=Phase.SUCCEEDED)
    factories.make_log(run.actions.get(), "done")

    assert " data-live" not in panel("a0", "logs")


def test_a_long_log_is_shown_by_its_end(monkeypatch: pytest.MonkeyPatch, django_assert_num_queries):
    monkeypatch.setattr(action_log, "ON_A_PAGE", action_log.Bounds(3, 10_000))
    root = factories.make_run().actions.get()
    for first in range(0, 8, 2):
        last = factories.make_log(root, f"line {first}", f"line {first + 1}")

    with django_assert_num_queries(1):
        log = action_log.read_end(root.pk)

    assert [line.text for line in log.lines] == ["line 5", "line 6", "line 7"]
    assert (log.is_cut, log.offset) == (True, action_log.LogOffset(last.pk))


@pytest.mark.parametrize(("lines", "characters"), [(3, 10_000), (1000, 15)])
def test_a_flood_is_told_whole_in_parts(django_assert_num_queries, lines: int, characters: int):
    most = action_log.Bounds(lines, characters)
    root = factories.make_run().actions.get()
    said = [f"line {number}" for number in range(24)]
    for first in range(0, 24, 8):
        factories.make_log(root, *said[first : first + 8])

    told: list[str] = []
    log = action_log.Log((), action_log.LogOffset(), has_more=True)
    while log.has_more:
        with django_assert_num_queries(1):
            log = action_log.read_after(root.pk, log.offset, most=most)
        assert len(log.lines) <= 3
        told += [line.text for line in log.lines]

    assert told == said
    assert action_log.read_after(root.pk, log.offset) == action_log.Log((), log.offset)


def test_the_whole_log_is_searched(django_assert_num_queries):
    root = factories.make_run().actions.get()
    factories.make_log(root, "Alpha <1>", "beta")
    factories.make_log(root, "\x1b[31mAL\x1b[0mPHA 2", stream="err")

    with django_assert_num_queries(1):
        assert action_log.search_log(root.pk, "alpha", stream="err").total == 1
    text = Client().get(f"{RUN}/actions/a0/log/search?q=alpha").content.decode()
    assert "2 lines of the whole log have “alpha”" in text
    assert "Alpha &lt;1&gt;" in text
    assert '<b data-fg="1">AL</b>PHA 2' in text
    assert "beta" not in text
    assert Client().get(f"{RUN}/actions/a0/log/search?q=").status_code == 400


def test_the_log_can_be_had_as_a_file():
    run = factories.make_run()
    factories.make_log(run.actions.get(), "<one>", "\x1b[31mthr\rtwo\x1b[0m")

    answer = Client().get(f"{RUN}/actions/a0/log.txt")

    assert answer.headers["Content-Type"].startswith("text/plain")
    assert [line.split(" ", 3)[3] for line in answer.content.decode().splitlines()] == ["<one>", "two"]


def test_the_log_of_one_attempt_is_that_of_no_other():
    root = factories.make_run().actions.get()
    factories.make_log(root, "of the first")
    second = factories.make_log(root, "of the second")
    LogChunk.objects.filter(pk=second.pk).update(attempt=2)

    text = panel("a0", "logs&attempt=2")
    file = Client().get(f"{RUN}/actions/a0/log.txt?attempt=2")

    assert "of the second" in text
    assert "of the first" not in text
    assert f'data-attempt="2" data-chunk="{second.pk}"' in text
    assert "of the first" not in file.content.decode()
    assert file.headers["Content-Disposition"] == 'attachment; filename="run1-a0-2.log.txt"'
    assert Client().get(f"{RUN}/actions/a0/log.txt?attempt=x").status_code == 400
