"""The page of the executors, why things wait, and draining."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from runs.domain.addresses.pages import run_path
from runs.domain.names import RunRef
from runs.domain.phases import Phase
from runs.engine.executors import scheduling
from runs.models import Action, Executor, Pool, Run
from runs.queries import executors
from runs.queries.panels import get_panel
from runs.store import presence
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)

State = Executor.State


def words(html: str) -> str:
    inline = re.sub(r"</?(span|b|code|a|time|relative-time)\b[^>]*>", "", html)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", inline)).split())


def text_of(path: str = "/executors/", **headers: str) -> str:
    answer = Client(headers=headers).get(path)
    assert answer.status_code == 200
    return words(answer.content.decode())


@pytest.fixture
def worker() -> Iterator[None]:
    presence.worker_joined("w1")
    yield
    presence.worker_left("w1")


@pytest.mark.usefixtures("worker")
def test_environments_of_the_workers_are_counted_once_for_each_machine() -> None:
    assert "environments," not in text_of()
    presence.note_environments("w1", "box", {"aa11": 300 * 1024**2, "bb22": 2 * 1024**3})
    presence.note_environments("w2", "box", {"aa11": 300 * 1024**2})

    assert "2 environments, 2.3 GiB" in text_of()
    presence.note_environments("w2", "", {})


@pytest.fixture
def pool() -> Pool:
    return Pool.objects.create(key="f00d" * 16, bundle_uri="file:///b/code.tgz", env={"SECRET": "s3cr3t"})


@pytest.fixture
def run(pool: Pool) -> Run:
    run = factories.make_run("3", phase=Phase.QUEUED)
    Action.objects.filter(run=run).update(pool=pool)
    return run


def make_executor(pool: Pool, state: str = State.CONNECTED, **fields: Any) -> Executor:
    fields = {
        "worker": "w1",
        "host": "box",
        "pid": 7,
        "capacity": 4,
        "connected_at": timezone.now(),
        **fields,
    }
    executor = Executor.objects.create(pool=pool, state=state, **fields)
    executor.runs.set(Run.objects.filter(actions__pool=pool).distinct())
    return executor


def hold(executor: Executor, *names: str, phase: Phase = Phase.RUNNING) -> None:
    Action.objects.filter(pool=executor.pool, name__in=names).update(executor=executor, phase=phase)


def why(name: str = "a0") -> str:
    return get_panel(Action.objects.get(name=name).run_id, name).waits


# --- why something waits --------------------------------------------------------------------------------------------


def test_without_a_worker_it_says_how_to_start_one(run: Run):
    expected = "no executor for this run yet; no worker is connected: start one with flyteui worker"

    assert why() == expected
    assert f"4 waiting: {expected}" in text_of()
    assert "Start one with flyteui worker" in text_of()


def test_with_a_worker_an_executor_is_about_to_come(run: Run, worker: None):
    assert why() == "no executor for this run yet; one is about to be started"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State.STARTING, "no executor for this run yet: one is starting"),
        (State.CONNECTED, "an executor is about to take it"),
        (State.BLOCKED, "user code blocks the loop of its executor; one is about to be started"),
        (State.DISCONNECTED, "its executor is out of reach; one is about to be started"),
        (State.STOPPING, "its executor is being stopped; one is about to be started"),
        (State.GONE, "no executor for this run yet; one is about to be started"),
    ],
)
def test_each_state_of_an_executor_is_a_reason(run: Run, pool: Pool, worker: None, state: str, expected: str):
    make_executor(pool, state)

    assert why() == expected


def test_full_slots_are_counted(run: Run, pool: Pool, worker: None):
    hold(make_executor(pool, capacity=1), "a0", "a0-0")

    assert why("a0-1") == "slots full: 1 of 1 held", "what waits for children holds none"
    assert "2 waiting: slots full: 1 of 1 held" in text_of()


def test_the_limit_of_executors_is_named(run: Run, worker: None, settings):
    settings.MAX_EXECUTORS = 1
    make_executor(Pool.objects.create(key="other"))

    said = "no executor for this run yet; MAX_EXECUTORS reached, 1 of 1: it waits for an idle one to leave"
    assert why() == said


def test_where_there_is_no_room_a_run_shares_an_executor_of_its_pool(
    run: Run, pool: Pool, worker: None, settings
):
    settings.MAX_EXECUTORS = 1
    executor = make_executor(pool)
    hold(executor, "a0")
    other = factories.make_run("0", name="other", phase=Phase.QUEUED)
    Action.objects.filter(run=other).update(pool=pool)

    waits = get_panel(other.pk, "a0").waits
    assert (
        waits == "no executor for this run yet; MAX_EXECUTORS reached, 1 of 1: it shares one with another run"
    )
    assert "shared by" not in text_of()

    executor.runs.add(other)

    assert get_panel(other.pk, "a0").waits == "an executor is about to take it"
    assert "shared by 2 runs, since there is no room for one each" in text_of()


def test_a_retry_says_until_when_it_waits(run: Run, pool: Pool, worker: None):
    until = datetime(2999, 1, 1, 12, 4, 5, tzinfo=UTC)
    Action.objects.filter(name="a0").update(not_before=until, attempt=2)

    assert why() == "a retry that waits until 12:04:05 UTC"
    assert "1 waiting: a retry that waits until 12:04:05 UTC" in text_of()
    assert "3 waiting: no executor for this run yet" in text_of()


def test_what_waits_for_the_cache_says_so_and_what_runs_or_stops_says_nothing(run: Run, pool: Pool):
    Action.objects.filter(name="a0").update(phase=Phase.WAITING_FOR_RESOURCES, cache_key="global:x")
    hold(make_executor(pool), "a0-0")
    factories.make_abort(asked := run.actions.get(name="a0-1"))
    Action.objects.filter(pk=asked.pk).update(abort=asked.requests.get())

    assert why() == "waits for an equal call, whose outputs it may take from the cache"
    assert "1 waiting: waits for an equal call" in text_of()
    assert why("a0-0") == ""
    assert why("a0-1") == ""


def test_the_panel_of_a_queued_action_says_why_and_asks_again(run: Run, worker: None):
    path = f"/v2/domain/development/project/flytesnacks/runs/{run.name}/actions/a0"

    assert "Why it waits No executor for this run yet; one is about to be started." in text_of(path)
    assert f'hx-get="{path}/waits"' in Client().get(path).content.decode()
    assert "Why it waits" in text_of(f"{path}/waits")

    Action.objects.filter(name="a0").update(phase=Phase.RUNNING)
    assert text_of(f"{path}/waits") == ""


# --- the page -------------------------------------------------------------------------------------------------------


def test_an_executor_shows_what_it_holds_where_it_runs_and_how_it_is(
    run: Run, pool: Pool, worker: None, settings
):
    settings.MAX_EXECUTORS = 8
    executor = make_executor(pool, heartbeat_at=timezone.now())
    hold(executor, "a0", "a0-0")
    hold(executor, "a0-1", phase=Phase.INITIALIZING)

    html = Client().get("/executors/").content.decode()

    assert f'id="executor-{executor.id}" data-phase="connected"' in html
    for said in (
        "Connected since",
        "3 of 4",
        "2 running, 1 starting: run1 (3)",
        "box:7",
        "worker w1",
        "heartbeat",
    ):
        assert said in words(html), said
    assert f'href="/v2/domain/development/project/flytesnacks/runs/{run.name}"' in html
    assert '<rect width="75"' in html
    assert "1 worker connected 1 of 8 executors 3 actions held 1 waiting" in words(html)


def test_a_pool_is_called_as_its_environment_and_keeps_its_secrets(run: Run, pool: Pool):
    text = text_of()

    assert "env pool f00df00df00d used by env.main … env.step_0 bundle code.tgz" in text
    assert "sets SECRET" in text
    assert "s3cr3t" not in text


def test_a_pool_whose_executors_start_slower_says_why_and_so_do_its_actions(run: Run, pool: Pool):
    hold(make_executor(pool), "a0")
    path = f"{run_path(RunRef('flytesnacks', 'development', run.name))}/actions/a0"
    assert "Starts slower" not in text_of() + text_of(path, **{"HX-Request": "true"})

    scheduling.note_slow_start(pool.key, "importing its modules starts threads")

    assert "Starts slower: importing its modules starts threads" in text_of()
    assert "Starts slower: importing its modules starts threads" in text_of(path, **{"HX-Request": "true"})


@pytest.mark.parametrize("state", [state for state in State if state != State.GONE])
def test_each_state_has_a_mark_a_colour_and_a_word(pool: Pool, state: str, settings):
    now = timezone.now()
    make_executor(
        pool, state, end_reason="it did not stop" if state == State.STOPPING else "", disconnected_at=now,
        drain_asked_at=now if state == State.DRAINING else None,
    )  # fmt: skip

    html = Client().get("/executors/").content.decode()
    css = (settings.ROOT / "static" / "css" / "list" / "executors.css").read_text()

    assert f'<symbol id="p-{state}"' in html
    assert f'#p-{state}"></use></svg><code>' in html
    assert f'[data-phase="{state}"]' in css
    assert executors.STATE_LABELS[state] in html
    # When it began to be blocked or to be stopped is not known, so nothing is said of it.
    assert ("connected 2" in words(html)) == (state in {State.BLOCKED, State.STOPPING})
    assert ("it did not stop" in html) == (state == State.STOPPING)


def test_those_that_have_left_say_why(pool: Pool):
    now = timezone.now()
    make_executor(
        pool, State.GONE, connected_at=now - timedelta(seconds=65), ended_at=now, end_reason="out of memory"
    )

    text = text_of()

    assert "No executor is needed" in text
    assert "out of memory" in text
    assert "after 1m 05s" in text


def test_the_number_of_statements_does_not_grow(django_assert_num_queries, worker: None):
    for number in range(5):
        pool = Pool.objects.create(key=f"pool{number}")
        run = factories.make_run("4", name=f"r{number}", phase=Phase.QUEUED)
        Action.objects.filter(run=run).update(pool=pool)
        Action.objects.filter(run=run, name="a0").update(executor=make_executor(pool), phase=Phase.RUNNING)
        make_executor(pool, State.GONE, ended_at=timezone.now())

    with django_assert_num_queries(11):
        assert len(executors.get_executors_page().pools) == 5


# --- draining -------------------------------------------------------------------------------------------------------


def test_a_drain_is_asked_once_and_says_what_it_found(run: Run, pool: Pool):
    executor = make_executor(pool)
    hold(executor, "a0")
    browser = Client(headers={"HX-Request": "true", "X-FlyteUI-Actor": "ann"})
    url = reverse("drain", args=[executor.pk])

    first = browser.post(url).content.decode()
    again = browser.post(url).content.decode()

    assert 'data-outcome="requested"' in first
    assert "leaves when the 1 action that it holds has ended" in words(first)
    assert 'data-outcome="already_requested"' in again
    assert "ann asked executor" in words(again)
    executor.refresh_from_db()
    assert (executor.state, executor.drain_actor) == (State.DRAINING, "ann")
    assert "Draining since" in text_of()
    assert f'action="{url}"' not in Client().get("/executors/").content.decode()


def test_without_a_script_a_drain_comes_back_to_the_page(pool: Pool):
    executor = make_executor(pool)

    answer = Client().post(reverse("drain", args=[executor.pk]))

    assert (answer.status_code, answer.headers["Location"]) == (303, "/executors/")


def test_a_drain_needs_a_token_and_an_executor_that_is_there(pool: Pool):
    executor = make_executor(pool)

    assert Client(enforce_csrf_checks=True).post(reverse("drain", args=[executor.pk])).status_code == 403
    assert Client().get(reverse("drain", args=[executor.pk])).status_code == 405
    assert Client().post(reverse("drain", args=[uuid4()])).status_code == 404
    executor.refresh_from_db()
    assert executor.state == State.CONNECTED


@pytest.mark.parametrize("state", [State.STOPPING, State.GONE])
def test_what_leaves_already_is_not_drained(pool: Pool, state: str):
    executor = make_executor(pool, state)

    assert scheduling.drain_executor(executor.pk, actor="ann").outcome == "already_leaving"
    executor.refresh_from_db()
    assert executor.drain_asked_at is None


def test_the_admin_drains_what_is_selected(pool: Pool):
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    chosen = make_executor(pool)

    client.post(
        reverse("admin:runs_executor_changelist"),
        {"action": "drain_selected", "_selected_action": [chosen.pk]},
    )

    chosen.refresh_from_db()
    assert (chosen.state, chosen.drain_actor) == (State.DRAINING, "root")
