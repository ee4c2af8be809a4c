"""What rows and panels say of refusals, limits, retries, conditions and the cache."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from runs.domain.limits import MAX_RUNTIME
from runs.domain.phases import Cause, Escalation, Phase
from runs.domain.status import STATUS_LABELS
from runs.domain.timeline import to_ms
from runs.models import Action, Executor, Pool, Run
from tests.support import factories, showcase

pytestmark = pytest.mark.django_db(transaction=True)

RUN = "/v2/domain/development/project/flytesnacks/runs/run1"


@pytest.fixture
def run() -> Run:
    return showcase.make_everything("run1")


def words(html: str) -> str:
    """The text of a piece of HTML, as one line."""
    inline = re.sub(r"</?(span|b|i|code|a|time)\b[^>]*>", "", html)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", inline)).split())


def row(name: str) -> str:
    """The HTML of a row of the run's page."""
    html = Client().get(RUN).content.decode()
    return html[html.index(f'id="action-{name}"') :].partition('<div role="row"')[0]


TIME = re.compile(r", \d\d:\d\d:\d\d\.\d{3} UTC")  # for who has no JavaScript; else "2 min ago"


def status_of(name: str) -> str:
    return words(
        row(name).partition('class="status">')[2].partition('<div role="gridcell" class="attempt"')[0]
    )


def panel(name: str, tab: str = "") -> str:
    answer = Client(headers={"HX-Request": "true"}).get(f"{RUN}/actions/{name}?tab={tab}")
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("a0-refusing", "refusing", "Refusing, since just now · closed soon"),
        ("a0-closed", "refusing", "Refusing, since just now · its process ends soon"),
        ("a0-reviewed", "succeeded", "Succeeded: Approved"),
        ("a0-slow", "timing-out", "Timing out, its max runtime was over just now"),
        ("a0-flaky", "retrying", "Retrying 2/3 soon"),
        ("a0-ship", "paused", "Paused boolean Ship it? · times out soon"),
        ("a0-note", "paused", "Paused string What shall the release be called?"),
        ("a0-cached", "cached", "From cache"),
        ("a0-recovered", "recovered", "Recovered"),
        ("a0-trial9", "aborted", "Aborted: wrong data · ann"),
    ],
)
def test_a_row_shows_its_status_as_a_mark_and_in_words(run: Run, name: str, status: str, said: str):
    assert f'data-phase="{status}"' in row(name)
    assert f"#p-{status}" in row(name)
    assert TIME.sub("", status_of(name)) == said


def test_each_status_has_a_mark_and_a_colour(run: Run):
    html = Client().get(RUN).content.decode()
    css = (settings.ROOT / "static" / "css" / "page" / "status.css").read_text()

    used = set(re.findall(r"#p-([a-z-]+)", html))

    assert {"refusing", "timing-out", "retrying", "cached"} <= used
    assert used == {status for status in used if f'<symbol id="p-{status}"' in html}
    assert all(f'[data-phase="{status}"]' in css for status in STATUS_LABELS if status != "queued")


def test_clocks_of_rows_are_moments_that_the_browser_counts_from(run: Run):
    action = Action.objects.get(name="a0-refusing")

    assert action.refusing_since
    assert action.escalates_at
    assert f'data-for="{to_ms(action.refusing_since)}"' in row("a0-refusing")
    assert f'data-until="{to_ms(action.escalates_at)}"' in row("a0-refusing")


def test_only_what_lives_can_be_picked_and_only_questions_answered(run: Run):
    assert 'type="checkbox"' in row("a0-trial0")
    assert 'type="checkbox"' not in row("a0-cached")
    assert 'aria-label="Answer ship a0-ship"' in row("a0-ship")
    assert "Answer" not in row("a0-reviewed")
    assert "Force" in row("a0-refusing")
    assert "data-abort=" not in row("a0-refusing")


def test_chips_offer_what_can_be_stopped_and_never_the_root_alone(run: Run):
    summary = Client().get(RUN).content.decode().partition('id="run-summary"')[2].partition("</div>")[0]

    assert set(re.findall(r'data-abort-phase="([a-z-]+)"', summary)) == {"paused", "running", "queued"}

    factories.make_run(name="lone")
    assert "data-abort-phase" not in Client().get(RUN.replace("run1", "lone")).content.decode()


def test_the_panel_tells_of_a_refusal_and_what_force_costs(run: Run):
    executor = Executor.objects.create(pool=Pool.objects.create(key="p"))
    Action.objects.filter(name__in=["a0-refusing", "a0-trial0", "a0-trial1", "a0-waiting"]).update(
        executor=executor
    )

    html = panel("a0-refusing")

    assert "Refusing to stop" in html
    assert "await asyncio.sleep(3600)" in html
    assert "2 other actions there are queued again" in words(html)
    force = html.partition('class="force"')[2].partition("</form>")[0]
    assert f'action="{RUN}/abort"' in html
    assert 'name="force" value="1"' in force
    assert 'name="action" value="a0-refusing"' in force


def test_what_was_forced_is_not_offered_force_again(run: Run):
    Action.objects.filter(name="a0-refusing").update(forced_at=timezone.now())

    assert "it is given no more time" in panel("a0-refusing")
    assert 'name="force"' not in panel("a0-refusing")


def test_the_last_step_says_that_its_process_is_being_ended(run: Run):
    factories.change(Action.objects.get(name="a0-refusing"), escalation=Escalation.PROCESS, escalates_at=None)

    assert "Its process is being ended" in panel("a0-refusing")
    assert status_of("a0-refusing") == "Refusing, since just now"


def test_after_the_end_the_panel_tells_how_long_it_refused_and_what_ended_it(run: Run):
    text = words(panel("a0-trial9"))

    assert "Refused for 42.0 s" in text
    assert "ended when it was closed" in text
    assert 'name="force"' not in panel("a0-trial9")


def test_what_was_killed_by_force_says_so(run: Run):
    Action.objects.filter(name="a0-trial9").update(
        forced_at=timezone.now(), escalation=Escalation.ASKED_AGAIN
    )

    assert "It ended by force." in words(panel("a0-trial9"))


def test_a_process_that_was_killed_has_no_next_step(run: Run):
    Action.objects.filter(name="a0-refusing").update(escalation=Escalation.CLOSED, escalates_at=None)

    assert "Its process is being ended" in panel("a0-refusing")


def test_the_header_says_how_the_root_stops(run: Run):
    root = Action.objects.get(parent__isnull=True)
    factories.change(root, abort=factories.make_abort(root))
    assert "Aborting, asked just now by bob: too slow. What runs is given time" in words(
        Client().get(RUN).content.decode()
    )

    factories.change(root, refusing_since=timezone.now(), escalation=Escalation.ASKED_AGAIN)
    assert "Refusing, since just now. See its panel." in words(Client().get(RUN).content.decode())


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"reason": "val_acc\nbelow 0.6"}, "Aborted: val_acc below 0.6 · bob"),
        ({"reason": ""}, "Aborted: no reason given · bob"),
        ({"reason": "", "cause": Cause.CANCELLED_BY_PARENT, "actor": "a0"}, "Aborted: cancelled by parent"),
        (
            {"reason": "main (a0) failed", "cause": Cause.PARENT_ENDED, "actor": "a0"},
            "Aborted: main (a0) failed · parent ended",
        ),
    ],
)
def test_row_header_and_list_say_who_aborted_and_why(run: Run, fields: dict[str, str], said: str):
    action, root = Action.objects.get(name="a0-trial0"), Action.objects.get(parent__isnull=True)
    abort = factories.make_abort(root, **fields)
    for one in (action, root):
        factories.change(one, abort=abort, phase=Phase.ABORTED, ended_at=timezone.now())

    assert re.fullmatch(re.escape(said) + TIME.pattern, status_of("a0-trial0"))
    header = Client().get(RUN).content.decode().partition('id="run-header"')[2]
    assert f"{said}, 20" in words(header.partition('class="run-actions"')[0])
    listed = words(Client().get(RUN.rpartition("/")[0]).content.decode())
    assert f"{said}, 20" in listed


def test_a_long_reason_is_cut_in_the_row_and_whole_in_the_panel(run: Run):
    action = Action.objects.get(name="a0-trial0")
    abort = factories.make_abort(action, reason="x" * 1900 + " the end")
    factories.change(action, abort=abort, phase=Phase.ABORTED, ended_at=timezone.now())

    assert len(row("a0-trial0")) < 3000
    assert "the end" in panel("a0-trial0")


def test_the_panel_says_that_no_reason_was_given(run: Run):
    action = Action.objects.get(name="a0-trial0")
    factories.change(action, abort=factories.make_abort(action, reason=""))

    assert "Why no reason given" in words(panel("a0-trial0"))


def test_a_cache_hit_leads_to_what_made_it(run: Run):
    action = Action.objects.get(name="a0-cached")
    factories.change(action, source="flytesnacks/development/earlier/a0-x/1")

    html = panel("a0-cached")

    assert 'href="/v2/domain/development/project/flytesnacks/runs/earlier?action=a0-x"' in html
    assert "taken from the cache" in html


def test_the_panel_names_the_limit(run: Run):
    text = words(panel("a0-slow"))

    assert "Timing out By flyteui timeout Limit max runtime" in text
    assert "Max runtime 5 s an attempt" in text


def test_a_timed_out_action_keeps_its_story(run: Run):
    now = timezone.now()
    Action.objects.filter(name="a0-slow").update(
        phase=Phase.TIMED_OUT, ended_at=now, exceeded=MAX_RUNTIME, error_code=MAX_RUNTIME
    )

    text = words(panel("a0-slow"))

    assert "Timed out By flyteui timeout Limit max runtime" in text
    assert "stopped" in text


def test_a_retry_that_waits_says_when_it_goes_on(run: Run):
    assert "Retrying 2/3" in words(panel("a0-flaky"))

    # It waits no more: the queue is what holds it back now.
    factories.change(Action.objects.get(name="a0-flaky"), not_before=None)
    assert status_of("a0-flaky") == "Queued"


@pytest.mark.parametrize(
    ("name", "control"),
    [
        ("a0-ship", '<button type="submit" class="button primary" name="value" value="true"'),
        ("a0-rows", 'inputmode="numeric" required'),
        ("a0-rate", 'inputmode="decimal" required'),
        ("a0-note", '<input name="value" data-first autocomplete="off" aria-describedby'),
    ],
)
def test_a_question_has_a_form_of_its_type(run: Run, name: str, control: str):
    html = panel(name)

    assert f'action="{RUN}/actions/{name}/signal"' in html
    assert control in html


def test_an_answered_question_says_with_what_by_whom_and_when(run: Run):
    text = words(panel("a0-reviewed"))

    assert (
        "Answered Reviewed? Answer Approved true boolean Comment The numbers are those of last week. Go. By carol At"
        in text
    )
    assert "<form" not in panel("a0-reviewed")


def test_a_question_that_is_aborted_takes_no_answer(run: Run):
    action = Action.objects.get(name="a0-ship")
    abort = factories.make_abort(action)
    Action.objects.filter(pk=action.pk).update(abort=abort, phase=Phase.ABORTED, ended_at=timezone.now())

    assert "Nobody answered" in panel("a0-ship")
    assert "<form" not in panel("a0-ship")


def test_a_prompt_is_text():
    run = factories.make_run()
    showcase.make_condition(run, "c", "string", "<img src=x onerror=alert(1)>")

    assert "<img" not in row("a0-c")
    assert "<img" not in panel("a0-c")


def test_events_say_refused_and_forced(run: Run):
    action = Action.objects.get(name="a0-refusing")
    for cause in (Cause.REFUSED, Cause.FORCED):
        factories.make_event(action, Phase.RUNNING, before=Phase.RUNNING, cause=cause)
    factories.make_event(action, Phase.QUEUED, before=Phase.QUEUED, cause=Cause.RETRIED)

    text = words(panel("a0-refusing", "events"))

    assert text.index("Refused to stop") < text.index("Forced to stop") < text.index("Queued retried")


def test_the_panel_takes_a_few_statements(run: Run, django_assert_max_num_queries):
    from runs.queries.panels import get_panel

    for name in ("a0-refusing", "a0-reviewed", "a0-cached"):
        with django_assert_max_num_queries(4):
            get_panel(run.pk, name)


def test_a_deadline_that_is_near_is_counted_down(run: Run):
    until = timezone.now() + timedelta(seconds=30)
    Action.objects.filter(name="a0-trial0").update(deadline_at=until)

    assert f'data-until="{to_ms(until)}"' in panel("a0-trial0")
