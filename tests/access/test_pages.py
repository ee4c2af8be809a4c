"""The door of the pages: who gets in, what they see, what is refused, what the audit then says."""

from __future__ import annotations

import json
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from runs.access import sessions
from runs.domain.phases import Phase
from runs.domain.roles import Role
from runs.models import Abort, AuditEntry, Member
from tests.access.conftest import browser_of, make_member
from tests.support import factories
from tests.support.showcase import make_everything

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("signing_in")]

RUNS = "/v2/domain/development/project/flytesnacks/runs"
RUN = f"{RUNS}/run1"
FRAGMENT = {"HX-Request": "true"}


def entries() -> list[tuple[str, ...]]:
    fields = ("name", "way", "deed", "outcome", "target")
    return list(AuditEntry.objects.exclude(deed__startswith="sign").order_by("id").values_list(*fields))


def test_a_page_leads_to_the_sign_in_and_from_there_to_the_page():
    factories.make_run()
    make_member("ada", Role.VIEWER)
    client = Client()

    answer = client.get(f"{RUN}?action=a0")

    assert (answer.status_code, answer["Location"]) == (
        303,
        "/sign-in/?next=%2Fv2%2Fdomain%2Fdevelopment%2Fproject%2Fflytesnacks%2Fruns%2Frun1%3Faction%3Da0",
    )
    signed_in = client.post(answer["Location"], {"username": "ada", "password": "correct horse"})
    assert signed_in["Location"] == f"{RUN}?action=a0"
    assert client.get(signed_in["Location"]).status_code == 200


def test_parts_of_pages_and_scripts_are_told_in_words_and_not_redirected():
    fragment = Client(headers=FRAGMENT).get(f"{RUN}/actions/a0")
    script = Client().get(f"{RUN}/aborts/preview")

    assert fragment.status_code == script.status_code == 401
    assert "sign in" in fragment.content.decode()
    assert "sign in" in script.json()["message"]


def test_only_what_needs_no_reader_is_public():
    assert Client().get("/healthz").status_code == 200
    assert Client().get("/sign-in/").status_code == 200
    assert Client().get("/admin/").status_code == 303


def test_a_wrong_password_is_refused_in_words_and_audited():
    make_member("ada", Role.VIEWER)

    answer = Client().post("/sign-in/", {"username": "ada", "password": "wrong"})

    assert answer.status_code == 401
    assert "do not belong together" in answer.content.decode()
    entry = AuditEntry.objects.get()
    assert (entry.deed, entry.outcome, entry.subject, entry.target) == ("sign in", "failed", "", "ada")
    assert "wrong" not in json.dumps([entry.note, entry.target])


def test_whoever_signs_out_is_signed_out():
    client = browser_of("ada", Role.VIEWER)

    assert client.post("/sign-out/")["Location"] == "/sign-in/"
    assert client.get(RUNS).status_code == 303
    assert [entry.deed for entry in AuditEntry.objects.order_by("id")] == ["sign in", "sign out"]


def test_a_next_address_of_another_site_is_not_followed():
    make_member("ada", Role.VIEWER)

    answer = Client().post(
        "/sign-in/?next=https://evil.example/", {"username": "ada", "password": "correct horse"}
    )

    assert answer["Location"] == "/"


def test_a_next_address_may_be_any_word_for_whoever_has_signed_in():
    answer = browser_of("vera", Role.VIEWER).get("/sign-in/?next=somewhere")

    assert (answer.status_code, answer["Location"]) == (302, "somewhere")


def test_a_viewers_abort_is_refused_and_the_audit_shows_it():
    factories.make_run("1")
    answer = browser_of("vera", Role.VIEWER).post(
        f"{RUN}/abort", {"action": "a0-0", "reason": "I want to"}, headers=FRAGMENT
    )

    assert answer.status_code == 403
    assert (
        "takes the role operator in project &#x27;flytesnacks&#x27;, which vera does not have"
        in answer.content.decode()
    )
    assert not Abort.objects.exists()
    assert entries() == [("vera", "page", "abort", "refused", "flytesnacks/development/run1/a0-0")]
    assert AuditEntry.objects.get(deed="abort").note == "I want to"


def test_an_operator_aborts_and_the_actor_is_who_was_verified():
    factories.make_run("1")
    client = browser_of("otto", Role.OPERATOR)

    client.post(
        f"{RUN}/abort", {"action": "a0-0", "reason": "why"}, headers={**FRAGMENT, "x-flyteui-actor": "root"}
    )
    client.post(f"{RUN}/abort", {"action": "a0-0", "force": "1"}, headers=FRAGMENT)

    assert Abort.objects.get().actor == "otto (page) on behalf of root"
    assert [(name, deed, outcome) for name, _, deed, outcome, _ in entries()] == [
        ("otto", "abort", "done"),
        ("otto", "force", "done"),
    ]


def test_a_bulk_abort_by_a_script_is_audited_with_what_it_names():
    factories.make_run("2")
    client = browser_of("otto", Role.OPERATOR)

    body = json.dumps({"names": ["a0-0", "a0-1"], "reason": "enough"})
    client.post(f"{RUN}/aborts", body, content_type="application/json")
    client.post(f"{RUN}/aborts", "[" * 5000, content_type="application/json")

    done, broken = AuditEntry.objects.filter(deed="abort").order_by("id")
    assert (done.outcome, done.target, done.note) == (
        "done",
        "flytesnacks/development/run1/a0-0 a0-1",
        "enough",
    )
    assert (broken.outcome, broken.note) == ("failed", "400 Bad Request")


def test_a_role_in_one_project_opens_no_other():
    factories.make_run("1", project="other")
    client = browser_of("otto", Role.ADMIN)
    other = RUN.replace("flytesnacks", "other")

    assert client.get(other).status_code == 403
    assert client.post(f"{other}/abort", {"action": "a0"}).status_code == 403
    assert client.get("/executors/").status_code == 403
    assert ">other<" not in client.get(RUNS).content.decode()


def test_home_is_a_project_that_one_may_see():
    assert browser_of("ada", Role.VIEWER, "other").get("/")["Location"].split("/")[5] == "other"
    assert browser_of("eve", Role.VIEWER, None).get("/")["Location"].split("/")[5] == "flytesnacks"


def test_whoever_is_no_member_is_told_so():
    client = Client()
    client.force_login(User.objects.create_user("eve"))

    answer = client.get("/")

    assert answer.status_code == 403
    assert "This takes the role viewer in project" in answer.content.decode()


class Controls(HTMLParser):
    """Buttons, forms and boxes of a page that would change something."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        changes = any(
            name.startswith("data-abort") or name in {"data-answer", "data-opens"} for name in named
        )
        posts = tag == "form" and named.get("method") == "post" and named.get("action") != "/sign-out/"
        picks = (
            tag == "input" and named.get("type") == "checkbox" and "Select" in (named.get("aria-label") or "")
        )
        if changes or posts or picks:
            self.found.append(named)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_a_page_has_controls_only_for_whoever_may_use_them(role: Role):
    run = factories.make_run("2", phase=Phase.RUNNING)
    factories.make_action(run, "grouped", parent=run.actions.get(name="a0"), group="g & <h>")
    client = browser_of("ada", role)

    for path in (RUNS, RUN, f"{RUN}?action=a0-0", f"{RUN}/actions/grouped", f"{RUN}/actions/a0-0/beside"):
        html = client.get(path).content.decode()
        assert bool(Controls(html).found) is (role is Role.OPERATOR), path
    assert "g &amp; &lt;h&gt;" in client.get(RUN).content.decode(), "the name of a group stays"


def test_a_session_ends_when_nobody_has_used_it_for_long(settings, monkeypatch):
    client = browser_of("ada", Role.VIEWER)
    assert client.get(RUNS).status_code == 200

    later = timezone.now() + timedelta(seconds=settings.SESSION_IDLE_SECONDS + 1)
    monkeypatch.setattr(sessions, "wall_time", lambda: later)

    assert client.get(RUNS).status_code == 303


def test_a_session_ends_at_last_even_if_it_is_used(settings, monkeypatch):
    settings.SESSION_IDLE_SECONDS, settings.SESSION_SECONDS = 3600, 7200
    client, now = browser_of("ada", Role.VIEWER), timezone.now()

    statuses = []
    for minutes in (0, 50, 100, 119, 121):
        monkeypatch.setattr(sessions, "wall_time", lambda at=minutes: now + timedelta(minutes=at))
        statuses.append(client.get(RUNS).status_code)

    assert statuses == [200, 200, 200, 200, 303]


def test_a_role_that_was_taken_is_gone_with_the_next_request():
    client = browser_of("ada", Role.VIEWER)
    assert client.get(RUNS).status_code == 200

    Member.objects.all().delete()

    assert client.get(RUNS).status_code == 403


def test_a_user_who_was_switched_off_is_out():
    client = browser_of("ada", Role.VIEWER)
    User.objects.update(is_active=False)

    assert client.get(RUNS).status_code == 303


def test_a_token_opens_the_pages_too_and_no_browser_keeps_them():
    make_member("ada", Role.VIEWER)

    answer = Client(headers={"Authorization": "Bearer token-of-ada"}).get(RUNS)

    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    assert Client(headers={"Authorization": "Bearer nonsense"}).get(RUNS).status_code == 303


def test_metrics_take_their_key_or_an_admin(settings):
    settings.METRICS_KEY = "m" * 20
    make_member("ada", Role.VIEWER, None)
    make_member("root", Role.ADMIN, None)

    def ask(token: str) -> int:
        return Client(headers={"Authorization": f"Bearer {token}"}).get("/metrics").status_code

    assert [ask("m" * 20), ask("token-of-root"), ask("token-of-ada"), ask("wrong")] == [200, 200, 401, 401]


def test_the_audit_is_for_admins_and_shows_theirs():
    AuditEntry.objects.create(name="x", deed="abort", project="other", target="other/thing", outcome="done")
    AuditEntry.objects.create(name="y", deed="abort", project="flytesnacks", target="ours", outcome="refused")

    everything = browser_of("root", Role.ADMIN, None).get("/audit/").content.decode()
    ours = browser_of("paul", Role.ADMIN).get("/audit/").content.decode()

    assert "other/thing" in everything
    assert "ours" in everything
    assert "other/thing" not in ours
    assert "ours" in ours
    assert browser_of("ed", Role.EDITOR).get("/audit/").status_code == 403


def test_the_audit_is_filtered_and_paged():
    for number in range(130):
        AuditEntry.objects.create(
            name=f"user{number % 2}", deed="abort", target=f"t{number:03}", outcome="done"
        )
    client = browser_of("root", Role.ADMIN, None)

    first = client.get("/audit/?who=user1&deed=abort").content.decode()
    whole = client.get("/audit/?deed=abort").content.decode()

    assert "t129" in first
    assert "t128" not in first
    assert "before=" in whole
    older = whole.partition('href="?deed=abort&amp;before=')[2].partition('"')[0]
    assert "t000" in client.get(f"/audit/?deed=abort&before={older}").content.decode()
    assert client.get("/audit/?before=x").status_code == 400


def test_the_audits_file_has_a_line_for_each_entry(settings):
    factories.make_run("1")
    browser_of("vera", Role.VIEWER).post(f"{RUN}/abort", {"reason": "nul \0 and\nline"})

    lines = (Path(settings.HOME) / "audit.jsonl").read_text().splitlines()
    last = json.loads(lines[-1])

    assert (last["name"], last["deed"], last["outcome"]) == ("vera", "abort", "refused")
    assert (Path(settings.HOME) / "audit.jsonl").stat().st_mode & 0o777 == 0o600
    assert len(lines) == AuditEntry.objects.count()


def test_the_admin_site_takes_the_role_admin():
    assert browser_of("ed", Role.EDITOR, None).get("/admin/").status_code == 302
    for name in ("root", "group-admin"):
        client = browser_of(name, Role.ADMIN, None)
        assert client.get("/admin/").status_code == 200
        assert client.get("/admin/runs/run/").status_code == 200


def test_an_admin_of_a_project_makes_members_of_it_and_of_no_other():
    client = browser_of("paul", Role.ADMIN)

    assert client.get("/admin/runs/run/").status_code == 403
    page = client.get("/admin/runs/member/add/").content.decode()
    assert "flytesnacks" in page
    assert ">other<" not in page
    fields = {"kind": "user", "name": "neu", "role": Role.EDITOR.value}
    ours = factories.make_project("flytesnacks").pk
    assert client.post("/admin/runs/member/add/", {**fields, "project": ours}).status_code == 302
    theirs = client.post("/admin/runs/member/add/", {**fields, "project": factories.make_project("other").pk})
    everywhere = client.post("/admin/runs/member/add/", fields)
    assert theirs.status_code == everywhere.status_code == 200, "the form comes back"
    made = list(Member.objects.filter(name="neu").values_list("project__name", "role"))
    assert made == [("flytesnacks", Role.EDITOR)]
    assert AuditEntry.objects.get(deed="change member").target == "user neu: editor in flytesnacks"


def test_no_state_of_an_action_has_a_control_for_a_viewer():
    """Every status that there is, its panel in each of the tabs, the page of executors and the dialogs."""
    run = make_everything("run1")
    viewer, operator = (
        browser_of(name, role, None) for name, role in (("vera", Role.VIEWER), ("otto", Role.OPERATOR))
    )
    names = list(run.actions.values_list("name", flat=True))
    paths = [RUN, RUNS, "/executors/", *(f"{RUN}/actions/{name}" for name in names)]

    seen = {path: Controls(viewer.get(path).content.decode()).found for path in paths}

    assert {path: found for path, found in seen.items() if found} == {}
    assert sum(bool(Controls(operator.get(path).content.decode()).found) for path in paths) > len(names) / 3
    assert viewer.get(f"{RUN}/abort?action=a0").status_code == 403
