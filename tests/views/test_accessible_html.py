"""What the HTML of every page must hold for people who do not see it: read by a parser, as the server sends it."""

from __future__ import annotations

import itertools
from html.parser import HTMLParser

import pytest
from django.test import Client

from tests.support import factories
from tests.support.showcase import make_everything

pytestmark = pytest.mark.django_db(transaction=True)

RUNS = "/v2/domain/development/project/flytesnacks/runs"
VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "source"}
FOCUSABLE = {"a", "button", "input", "select", "textarea"}
PATHS = [
    RUNS, f"{RUNS}?q=none", f"{RUNS}?since=tomorrowish", f"{RUNS}/scene", f"{RUNS}/scene?q=none",
    f"{RUNS}/scene?look=running", f"{RUNS}/scene?action=a0-refusing", f"{RUNS}/scene?action=a0-ship",
    f"{RUNS}/scene?action=a0-trial9&tab=inputs", f"{RUNS}/scene?action=a0&tab=logs",
    f"{RUNS}/scene?action=a0&tab=events", f"{RUNS}/scene/abort?action=a0", f"{RUNS}/none", "/executors/", "/none",
    "/secrets/", "/secrets/new",
]  # fmt: skip


class Node:
    """An element with what is in it."""

    def __init__(self, tag: str, attributes: dict[str, str | None], parent: Node | None) -> None:
        self.tag, self.attributes, self.parent = tag, attributes, parent
        self.children: list[Node] = []
        self.text = ""

    def get(self, name: str) -> str:
        return self.attributes.get(name) or ""

    def all(self) -> list[Node]:
        return [self, *(node for child in self.children for node in child.all())]

    def roles(self, *roles: str) -> list[Node]:
        return [node for node in self.all() if node.get("role") in roles]

    def words(self) -> str:
        return " ".join(node.text.strip() for node in self.all()).strip()


class Tree(HTMLParser):
    """Fails where an element is closed that is not the open one: browsers mend that each in their way."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.root = self.at = Node("#root", {}, None)
        self.feed(html)
        assert self.at is self.root, f"<{self.at.tag}> is never closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute of <{tag}> stands twice: {attrs}"
        node = Node(tag, dict(attrs), self.at)
        self.at.children.append(node)
        if tag not in VOID:
            self.at = node

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.at.children.append(Node(tag, dict(attrs), self.at))

    def handle_endtag(self, tag: str) -> None:
        assert self.at.tag == tag, f"</{tag}> closes <{self.at.tag}> at line {self.getpos()[0]}"
        assert self.at.parent is not None
        self.at = self.at.parent

    def handle_data(self, data: str) -> None:
        self.at.text += data


@pytest.fixture
def _scene() -> None:
    make_everything("scene")


def read(path: str) -> Node:
    return Tree(Client().get(path).content.decode()).root


@pytest.mark.usefixtures("_scene")
@pytest.mark.parametrize("path", PATHS)
def test_each_page_is_well_formed_and_names_what_it_refers_to(path: str):
    nodes = read(path).all()

    ids = [node.get("id") for node in nodes if node.get("id")]
    assert sorted(ids) == sorted(set(ids))
    for name in ("aria-labelledby", "aria-describedby", "for", "list"):
        for node in nodes:
            # The titles of dialogs come with what they show.
            missing = set(node.get(name).split()) - set(ids) - {"abort-title", "answer-title", "delete-title"}
            assert not missing, f"{name} of <{node.tag}> refers to {missing}"
    sprites = {node.get("href") for node in nodes if node.tag == "use"}
    assert sprites <= {f"#{one}" for one in ids}


@pytest.mark.usefixtures("_scene")
@pytest.mark.parametrize("path", PATHS)
def test_each_page_has_one_first_heading_and_skips_no_level(path: str):
    nodes = [node for node in read(path).all() if node.tag in {"h1", "h2", "h3", "h4"}]

    levels = [int(node.tag[1]) for node in nodes]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(later <= earlier + 1 for earlier, later in itertools.pairwise(levels)), levels


@pytest.mark.usefixtures("_scene")
@pytest.mark.parametrize("path", PATHS)
def test_every_control_has_a_name(path: str):
    nodes = read(path).all()

    labels = {id(child) for label in nodes if label.tag == "label" and label.words() for child in label.all()}
    for node in nodes:
        if node.tag in FOCUSABLE and node.get("type") != "hidden" and "data-abort" not in node.attributes:
            assert node.get("aria-label") or node.words() or id(node) in labels, node.attributes


def test_the_tree_says_what_a_treegrid_must_say():
    make_everything("scene")
    factories.make_run("3x2x2", name="deep")

    for path in (f"{RUNS}/scene?action=a0-ship", f"{RUNS}/deep", f"{RUNS}/deep?q=a0-1-1"):
        (grid,) = read(path).roles("treegrid")
        rows = [row for row in grid.roles("row") if row.get("id")]

        assert int(grid.get("aria-rowcount")) == len(rows)
        assert [int(row.get("aria-rowindex")) for row in rows] == list(range(1, len(rows) + 1))
        check_levels(rows)
        for row in rows:
            # Which row is selected, and which one Tab reaches, is the browser's: each row can have the focus.
            assert row.get("tabindex") in {"0", "-1"}
            assert row.get("aria-selected") in {"", "true"}
            cells = row.roles("gridcell", "rowheader")
            assert [cell.get("role") for cell in cells].count("rowheader") == 1
            assert all(cell.parent is row for cell in cells)
        assert "aria-multiselectable" not in grid.attributes


def check_levels(rows: list[Node]) -> None:
    """Parents, and only they, can be expanded; places among siblings run from 1, and the last is no larger than the size."""
    levels = [int(row.get("aria-level")) for row in rows]
    assert levels[0] == 1
    counts: dict[int, int] = {}
    for index, (row, level) in enumerate(zip(rows, levels, strict=True)):
        is_parent = index + 1 < len(levels) and levels[index + 1] == level + 1
        assert (row.get("aria-expanded") == "true") == is_parent, row.attributes
        counts[level] = counts.get(level, 0) + 1
        counts = {one: count for one, count in counts.items() if one <= level}
        assert level == 1 or level - 1 in counts, "a row without its parent"
        assert counts[level] <= int(row.get("aria-posinset")) <= int(row.get("aria-setsize")), row.attributes
