"""Parts of a long log: before a place, behind an offset, around a line; and links to lines."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.utils import timezone

from runs.domain.logs.places import LinePlace
from runs.domain.logs.tracebacks import Frame
from runs.domain.phases import Phase
from runs.models import Action, LogChunk
from runs.queries.logs import action_log
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)

RUN = "/v2/domain/development/project/flytesnacks/runs/run1"
SAID = [f"line {number}" for number in range(24)]


@pytest.fixture
def root() -> Action:
    """Its log has three chunks, the second of another attempt."""
    root = factories.make_run().actions.get()
    for attempt, first in ((1, 0), (2, 8), (1, 16)):
        factories.make_log(root, *SAID[first : first + 8], attempt=attempt)
    return root


def texts(log: action_log.Log) -> list[str]:
    return [line.text for line in log.lines]


def part(query: str) -> str:
    answer = Client().get(f"{RUN}/actions/a0/log/lines?{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def told(html: str) -> list[str]:
    return re.findall(r"<span>([^<]*)</span>", html)


def place_of(html: str, text: str) -> str:
    found = re.search(
        rf'href="\?line=([\d.]+)"[^>]*><time[^>]*>[^<]*</time></a><i></i><span>{text}</span>', html
    )
    assert found
    return found[1]


@pytest.mark.parametrize(("lines", "characters"), [(3, 10_000), (1000, 15), (5, 35)])
@pytest.mark.parametrize("attempt", [None, 1])
def test_a_log_is_read_backwards_whole_in_parts(
    root: Action, django_assert_num_queries, lines: int, characters: int, attempt: int | None
):
    most = action_log.Bounds(lines, characters)
    read: list[str] = []
    place = None
    is_cut = True
    while is_cut:
        with django_assert_num_queries(1):
            log = action_log.read_before(root.pk, place, attempt=attempt, most=most)
        assert 0 < len(log.lines) <= lines
        read[:0] = texts(log)
        place, is_cut = log.lines[0].place, log.is_cut

    assert read == (SAID if attempt is None else SAID[:8] + SAID[16:])


def test_around_a_line_are_those_before_and_behind_it(root: Action, django_assert_num_queries):
    chunk = LogChunk.objects.order_by("pk")[1]

    with django_assert_num_queries(2):
        log = action_log.read_around(root.pk, LinePlace(chunk.pk, 3))

    assert texts(log) == SAID
    assert (log.is_cut, log.has_more) == (False, False)
    assert texts(action_log.read_around(root.pk, LinePlace(chunk.pk, 3), attempt=2)) == SAID[8:16]


def test_every_part_leads_to_the_next_one(root: Action, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(action_log, "ON_A_PAGE", action_log.Bounds(4, 1000))
    monkeypatch.setattr(
        action_log.read_before, "__kwdefaults__", {"attempt": None, "most": action_log.Bounds(4, 1000)}
    )
    monkeypatch.setattr(
        action_log.read_after, "__kwdefaults__", {"attempt": None, "most": action_log.Bounds(4, 1000)}
    )

    end = part("")
    assert told(end) == SAID[20:]
    assert " data-cut" in end
    assert " data-more" not in end
    before = part(f"before={place_of(end, 'line 20')}")
    assert told(before) == SAID[16:20]
    around = part(f"around={place_of(before, 'line 18')}")
    assert told(around) == SAID[14:22]
    assert " data-cut" in around
    assert " data-more" in around
    chunk, number = re.findall(r'data-(?:chunk|lines)="(\d+)"', around)
    assert told(part(f"after={chunk}.{number}")) == SAID[22:]


def test_what_is_missing_is_said_once_whichever_way_one_reads(root: Action):
    chunk = LogChunk.objects.order_by("pk")[1]
    LogChunk.objects.filter(pk=chunk.pk).update(left_out=2_000_000)
    gap = "2.0 MB are left out here: of a long log, its first and its last part are kept"

    whole = [*SAID[:8], gap, *SAID[8:]]
    assert texts(action_log.read_end(root.pk)) == whole
    assert texts(action_log.read_before(root.pk, LinePlace(chunk.pk, 0))) == SAID[:8]
    assert texts(action_log.read_before(root.pk, LinePlace(chunk.pk, 1))) == whole[:10]
    assert texts(action_log.read_around(root.pk, LinePlace(chunk.pk, 0))) == whole
    assert told(part(f"before={chunk.pk}.1"))[-2:] == [gap, "line 8"]


@pytest.mark.parametrize(
    "query", ["before=", "before=x", "around=1", "after=-1.0", "around=1.2.3", "before=9999999999999999.0"]
)
def test_a_place_that_is_none_is_refused(root: Action, query: str):
    assert Client().get(f"{RUN}/actions/a0/log/lines?{query}").status_code == 400
    assert root.pk


def test_a_line_is_enough_of_an_address(root: Action):
    factories.make_action(root.run, "x", parent=root)
    place = place_of(part(""), "line 11")

    page = Client().get(f"{RUN}?line={place}&action=x&tab=inputs").content.decode()

    assert 'data-selected="a0"' in page
    assert f'data-line="{place}"' in page
    assert told(page[page.index("<log-view") :]) == SAID


@pytest.mark.parametrize(("attempt", "shown"), [("2", SAID[8:16]), ("1", SAID)])
def test_a_line_of_another_attempt_is_shown_among_all(root: Action, attempt: str, shown: list[str]):
    place = place_of(part(""), "line 11")

    page = Client().get(f"{RUN}?line={place}&attempt={attempt}").content.decode()

    assert told(page[page.index("<log-view") :]) == shown
    assert root.pk


TRACEBACK = (
    "Task failed with error", "Traceback (most recent call last):", '  File "net.py", line 18, in step', "    load(<path>)",
    '  File "/usr/lib/python3.12/json/decoder.py", line 3, in load', "    raise", "ValueError: no",
)  # fmt: skip


def test_the_overview_of_a_failure_names_the_own_code_of_its_attempt(root: Action, django_assert_num_queries):
    Action.objects.filter(pk=root.pk).update(
        phase=Phase.FAILED, attempt=2, error_code="ValueError", ended_at=timezone.now()
    )
    factories.make_log(
        root, *(line.replace("net.py", "first.py") for line in TRACEBACK), stream="log", attempt=1
    )
    factories.make_log(root, *TRACEBACK[:3], stream="log", attempt=2)
    chunk = factories.make_log(root, *TRACEBACK[3:], stream="log", attempt=2)

    with django_assert_num_queries(1):
        culprit = action_log.find_culprit(root.pk, 2, "ValueError")
    text = " ".join(Client().get(f"{RUN}/actions/a0").content.decode().split())

    assert culprit == action_log.Culprit(
        Frame("net.py", 18, "step", "load(<path>)"), LinePlace(chunk.pk - 1, 2)
    )
    assert f'href="?line={chunk.pk - 1}.2"' in text
    assert "net.py, line 18</a> in <code>step</code>" in text
    assert "load(&lt;path&gt;)" in text
    assert action_log.find_culprit(root.pk, 2, "KeyError") is None
    assert action_log.find_culprit(root.pk, 2, "") is None


@pytest.mark.parametrize("number", [0, 8])
def test_a_line_of_another_run_or_of_none_is_not_shown(root: Action, number: int):
    other = factories.make_log(factories.make_run(name="run2").actions.get(), "not for this page")
    place = f"{other.pk}.0" if number == 0 else f"{LogChunk.objects.earliest('pk').pk}.{number}"

    page = Client().get(f"{RUN}?line={place}").content.decode()

    assert "is not kept any more" in page
    assert "not for this page" not in page
    assert "line 23" in page
    assert root.pk
