"""A page that took all frames shows what a page that is loaded now shows, whatever happened in between.

Random changes of the run, random moves of the reader, and hints that are lost, doubled or late: a hint only says when to read.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest
from django.template.loader import render_to_string
from django.utils import timezone

from runs.domain.phases import Phase
from runs.live.run import SPACE, RunFeed
from runs.models import Action, Attempt, Run
from runs.protocol.constants import WINDOW_ROWS
from runs.protocol.messages import Filter, Focus, Hello, Levels, Scroll, Toggle
from runs.queries.attempts import read_uses
from runs.queries.logs.last_lines import read_last_lines
from runs.queries.runs import get_run_by_id
from runs.tree import render
from runs.tree.page import RunPage
from runs.tree.snapshot import Snapshot
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = 100
PARTIAL = re.compile(r'<hx-partial id="([^"]+)" hx-swap="([^"]+)">(.*?)</hx-partial>', re.DOTALL)
ROW = re.compile(r'(?=<div role="row" id="action-|<div id="rows-)')
INDEX = re.compile(r'<div role="row"[^>]* aria-rowindex="(\d+)"')
PHASES = [Phase.RUNNING, Phase.SUCCEEDED, Phase.FAILED, Phase.TIMED_OUT, Phase.QUEUED]


class Browser:
    """What htmx makes of the frames: elements by id, the rows of the tree in their order."""

    def __init__(self) -> None:
        self.rows: list[str] = []  # with the spacers at both ends
        self.parts: dict[str, str] = {}
        self.said: dict[str, dict[str, str]] = {"lines": {}, "uses": {}}
        self.slid = 0

    def show(self, content: str, kept: tuple[int, int] = (0, 1000)) -> None:
        """kept: from which row to before which one stays of those that the page holds, as a frame says it."""
        for target, swap, html in PARTIAL.findall(content):
            assert html == html.strip(), f"each morph of {target} would leave text nodes beside it"
            if target == "rows":
                assert swap == "innerMorph"
                self.rows = [row for row in ROW.split(html) if row]
            elif target.startswith(("action-", "rows-")):
                starts = (f'<div id="{target}"', f'<div role="row" id="{target}"')
                places = [at for at, row in enumerate(self.rows) if row.startswith(starts)]
                assert len(places) == 1, f"{target} is {len(places)} times in the page"
                if swap in {"beforebegin", "afterend"}:
                    self.slid += 1
                    at = places[0] + (swap == "afterend")
                    self.rows[at:at] = ROW.split(html)[1:]
                else:
                    self.rows[places[0]] = html
            else:
                self.parts[target] = html
        self.rows = [row for row in self.rows if self.stays(row, *kept)]

    @staticmethod
    def stays(row: str, start: int, stop: int) -> bool:
        index = INDEX.match(row)
        return index is None or start < int(index.group(1)) <= stop or " data-pinned " in row

    @property
    def tree(self) -> str:
        return "".join(self.rows)


class Reader:
    """Moves about in the page at random, while the run changes at random."""

    def __init__(self, run: Run, seed: int) -> None:
        self.run = run
        self.random = random.Random(seed)
        self.feed = RunFeed(run.pk, lambda _: None)  # type: ignore[arg-type, return-value]
        self.browser = Browser()
        self.feed.apply(Hello(since=-1, first=0, count=100, lines=True))

    def names(self) -> list[str]:
        return list(Action.objects.filter(run=self.run).values_list("name", flat=True))

    def step(self) -> None:
        moves: list[Callable[[], None]] = [
            self.change, self.change, self.change, self.retry, self.grow, self.say, self.say, self.scroll, self.scroll, self.scroll,
            self.toggle, self.open_levels, self.filter, self.focus,
        ]  # fmt: skip
        self.random.choice(moves)()

    def change(self) -> None:
        """Several at once now and then, so that a whole window is sent."""
        live = list(self.run.actions.filter(ended_at=None))
        for action in self.random.sample(live, min(len(live), self.random.choice([1, 1, 5, 60]))):
            phase = self.random.choice(PHASES)
            factories.change(action, phase=phase, ended_at=timezone.now() if phase.is_terminal else None)

    def retry(self) -> None:
        """Its try is over, and it is queued again."""
        if not (live := list(self.run.actions.filter(ended_at=None))):
            return
        action, now = self.random.choice(live), timezone.now()
        outcome, lease = self.random.choice(["failed", "lost", "interrupted"]), action.lease_epoch + 1
        Attempt.objects.create(
            action=action, number=lease, lease_epoch=lease, outcome=outcome, started_at=now, ended_at=now
        )
        factories.change(action, lease_epoch=lease, phase=Phase.QUEUED, queued_at=now)

    def say(self) -> None:
        """It prints something, and is measured."""
        if not (live := list(self.run.actions.filter(ended_at=None))):
            return
        action, number = self.random.choice(live), self.random.randrange(1000)
        factories.make_log(action, f"line {number}", attempt=action.attempt)
        sample = {"cpu_percent": number % 100, "memory_bytes": number * 2**20}
        Attempt.objects.update_or_create(
            action=action,
            lease_epoch=action.lease_epoch,
            defaults=sample,
            create_defaults={"number": 1, **sample},
        )
        if not action.is_isolated:
            factories.change(action, is_isolated=True)

    def grow(self) -> None:
        parent = self.run.actions.get(name=self.random.choice(self.names()))
        self.run.refresh_from_db()
        name, inputs = (
            f"n{Action.objects.count()}",
            {"number": self.random.randrange(3), "lr": self.random.choice([0.1, 0.1, 0.2])},
        )
        short_name, group = (
            self.random.choice(["late", "later"]),
            self.random.choice(["", "", "one", "<b>two"]),
        )
        factories.call(self.run, name, parent=parent, short_name=short_name, group=group, **inputs)

    def scroll(self) -> None:
        """Far, or a little down or up."""
        first = self.feed._state.first
        firsts = [self.random.randrange(400), first + 48, max(0, first - 48), first + 1, max(0, first - 20)]
        self.feed.apply(Scroll(first=min(self.random.choice(firsts), 400), count=100))

    def focus(self) -> None:
        groups = [name for name in self.feed._shown.rows if name[0] == "~"] if self.feed._shown else []
        self.feed.apply(Focus(name=self.random.choice([*self.names(), *groups])))

    def toggle(self) -> None:
        shown = list(self.feed._shown.rows) if self.feed._shown else []
        self.feed.apply(Toggle(name=self.random.choice([*self.names(), *shown])))

    def open_levels(self) -> None:
        self.feed.apply(Levels(depth=self.random.choice([0, 0, 0, 1, 2, 3])))

    def filter(self) -> None:
        texts, statuses = ["", "", "late", "step_1", "nothing"], [[], [], ["failed"], ["running", "queued"]]
        sort = self.random.choice(
            ["", "", "-start", "phase", "-duration", "duration", "input:lr", "-input:number"]
        )
        self.feed.apply(Filter(text=self.random.choice(texts), looks=self.random.choice(statuses), sort=sort))

    def take_frame(self) -> None:
        content = self.feed.compose()
        self.feed.after_compose()
        for field, said in self.browser.said.items():
            said.update(self.feed.extras.get(field, {}))
        if content:
            start, stop = self.feed.extras["rows"]
            self.browser.show(content, (start, stop))

    def check_said(self, now: RunPage) -> None:
        """The rows of this page that run say what is stored."""
        lines = read_last_lines([one.id for one in now.running])
        metered = [one.name for one in now.running if one.is_metered]
        uses, said = read_uses(self.run.pk, metered), self.browser.said
        assert {one.name: said["lines"][one.name] for one in now.running} == {
            one.name: lines.get(one.id, "") for one in now.running
        }
        assert {name: said["uses"][name] for name in metered} == {
            name: uses.get(name, "") for name in metered
        }


@pytest.mark.parametrize("seed", range(4))
def test_all_frames_together_make_the_page_as_it_is_now(seed: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("runs.tree.sorting.SETTLE_SECONDS", 0.0)  # test_sorting.py has how an order settles
    monkeypatch.setattr("runs.live.beside_rows.GAP_SECONDS", 0.0)
    reader = Reader(factories.make_run("18x18"), seed)

    for _ in range(STEPS):
        reader.step()
        # A hint that is lost, one that comes, one that comes twice.
        for _ in range(reader.random.choice([0, 1, 1, 2])):
            reader.take_frame()
        if reader.random.random() < 0.2:
            reader.take_frame()
            state = reader.feed._state
            now = Snapshot(get_run_by_id(reader.run.pk)).page_from(
                state.first, state.count, state.filter, focus=state.focus
            )
            assert reader.browser.tree == render.window_html(now.window)
            reader.check_said(now)
            above = Browser()
            html = render_to_string("runs/tree/_frame_header.html", {"page": now, "summary": now.summary})
            above.show(SPACE.sub(r"\1", html))
            assert reader.browser.parts == above.parts


@pytest.mark.parametrize("focus", ["", "a0"])
def test_while_one_scrolls_only_rows_that_come_are_sent(focus: str):
    run = factories.make_run("18x18")
    reader = Reader(run, 0)
    reader.feed.apply(Scroll(first=100, count=WINDOW_ROWS))
    reader.feed.apply(Focus(name=focus))
    reader.take_frame()

    for first, new in [(148, 48), (198, 50), (243, 45), (223, 20), (222, 1)]:
        reader.feed.apply(Scroll(first=first, count=WINDOW_ROWS))
        content = reader.feed.compose() or ""
        reader.browser.show(content, (first, first + WINDOW_ROWS))

        assert content.count("<hx-partial") == 3  # the rows, and both spacers
        assert content.count('role="row"') == new
        now = Snapshot(get_run_by_id(run.pk)).page_from(first, WINDOW_ROWS, focus=focus)
        assert reader.browser.tree == render.window_html(now.window)
    assert reader.browser.slid == 5


def test_nothing_is_sent_when_nothing_changed():
    reader = Reader(factories.make_run("3x3"), 0)
    reader.take_frame()

    assert reader.feed.compose() is None
