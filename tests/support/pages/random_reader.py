"""Somebody who reads a run page and does all that one can do there, at random, and who can compare it with a fresh one."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from difflib import unified_diff
from typing import Any

from playwright.sync_api import BrowserContext, Page, TimeoutError, WebSocket  # noqa: A004

# What a page shows of a run, without what is the browser's own: focus, selection, places of bars, texts of the clock.
SHOWN = """() => {
  const clocked = "[data-since], [data-open], [data-ago], [data-for], [data-until], relative-time, copy-button";
  const own = /^(tabindex|style|aria-selected|data-ui-.*|data-htmx-.*)$/;
  const plain = (element) => {
    // In a document of its own, in which no element comes to life.
    const copy = document.implementation.createHTMLDocument("").importNode(element, true);
    for (const said of copy.querySelectorAll(".status > :is(small, samp):empty")) said.remove(); // last-lines.js
    for (const cut of copy.querySelectorAll(".status, .took, .label, .inputs, code")) cut.removeAttribute("title"); // truncated-text.js
    for (const one of [copy, ...copy.querySelectorAll("*")]) {
      const attributes = [...one.attributes].sort((a, b) => a.name.localeCompare(b.name));
      for (const { name } of attributes) one.removeAttribute(name);
      for (const { name, value } of attributes) if (!own.test(name)) one.setAttribute(name, value);
      if (one.matches(clocked)) { one.textContent = ""; one.removeAttribute("title"); }
    }
    return copy.outerHTML.replace(/\\s+/g, " ");
  };
  const tree = document.querySelector("run-tree");
  const { requested } = tree.rowWindow;
  const { lines, uses } = tree.lastLines;
  const hello = tree.hello(); // it forgets what was asked for and told, as before a new connection
  tree.rowWindow.requested = requested;
  Object.assign(tree.lastLines, { lines, uses });
  return {
    seq: tree.seq,
    search: location.search,
    hello,
    parts: {
      title: document.title,
      rowcount: tree.grid.getAttribute("aria-rowcount"),
      ...Object.fromEntries(
        ["run-header", "run-summary", "run-matches", "no-match"].map((id) => [id, plain(document.getElementById(id))])
      ),
      rows: [...document.getElementById("rows").children].map(plain).join("\\n"),
    },
  };
}"""
# Whatever happens, these hold: one row can be reached with Tab; what is selected and picked shows so; what is in view is
# loaded; the panel of a loaded row is as new as the row.
BROKEN = """() => {
  const tree = document.querySelector("run-tree");
  const rows = [...document.querySelectorAll("#rows > .row")];
  const broken = [];
  const names = (some) => some.map((row) => row.id.slice("action-".length)).join(" ");
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  if (new Set(ids).size !== ids.length) broken.push("an id is there twice");
  if (rows.length && rows.filter((row) => row.tabIndex === 0).length !== 1) broken.push("not one row with tabindex 0");
  const selected = rows.filter((row) => row.ariaSelected === "true");
  const wanted = rows.filter((row) => row.id === `action-${tree.selected}`);
  if (names(selected) !== names(wanted)) broken.push(`selected: ${names(selected)}, not ${names(wanted)}`);
  for (const row of rows) {
    const box = row.querySelector(".pick > input");
    if (box && box.checked !== tree.bulk.names.has(names([row]))) broken.push(`picked: ${names([row])}`);
  }
  const view = tree.grid.getBoundingClientRect();
  for (const spacer of document.querySelectorAll("#rows > .spacer")) {
    const { top, bottom } = spacer.getBoundingClientRect();
    if (bottom - top > 1 && Math.min(bottom, view.bottom) - Math.max(top, view.top) > 1) broken.push(`${spacer.id} is in view`);
  }
  const panel = document.getElementById("panel");
  if (panel && wanted.length && panel.dataset.name === tree.selected && panel.dataset.seq !== wanted[0].dataset.seq) {
    broken.push("the panel is older than its row");
  }
  return broken;
}"""
# A page that asks for the window and the shape of another one, all of it, and then only acknowledges.
ASK_FOR = """
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (text) {
  const { kind } = JSON.parse(text);
  if (kind === "hello") send.call(this, JSON.stringify(%s));
  else if (kind === "ack") send.call(this, text);
};
"""
HAS_FRAME = "() => document.querySelector('run-tree').connection?.frame"
NEXT_FRAME = "() => new Promise(requestAnimationFrame)"
TEXTS = ["", "", "epoch", "e1", "t2", "step", "nothing like it"]

Shown = dict[str, Any]


class Reader:
    """Moves through an open page at random. moves: what was done, for the report of a failure."""

    def __init__(self, page: Page, seed: int) -> None:
        self.page = page
        self.random = random.Random(seed)
        self.moves: list[str] = []

    def move(self) -> None:
        kinds: list[Callable[[], None]] = [
            self.scroll, self.scroll, self.wheel, self.twist, self.twist, self.levels, self.type, self.chip,
            self.pick, self.select, self.follow, self.press, self.press, self.sort,
        ]  # fmt: skip
        kind = self.random.choice(kinds)
        self.moves.append(kind.__name__)
        kind()
        self.page.evaluate(NEXT_FRAME)

    def click(self, selector: str) -> None:
        """One of these, if there is any. By script, because rows move under the mouse."""
        at = self.random.random()
        self.page.evaluate(
            "([selector, at]) => { const all = [...document.querySelectorAll(selector)];"
            "all[Math.floor(at * all.length)]?.click(); }",
            [selector, at],
        )

    def scroll(self) -> None:
        share = self.random.choice([0.0, 1.0, self.random.random()])
        self.page.evaluate(
            "(share) => { const { grid } = document.querySelector('run-tree');"
            "grid.scrollTop = share * grid.scrollHeight; }",
            share,
        )

    def wheel(self) -> None:
        self.page.mouse.move(500, 500)
        self.page.mouse.wheel(0, self.random.randint(-900, 900))

    def twist(self) -> None:
        self.click("#rows > .row[aria-expanded] .twist")

    def levels(self) -> None:
        self.key(self.random.choice(["w", "e", "1", "2", "3"]))

    def key(self, key: str) -> None:
        """On the page, outside of what is being typed."""
        self.page.evaluate("document.activeElement?.matches('input') && document.activeElement.blur()")
        self.page.keyboard.press(key)

    def type(self) -> None:
        self.page.evaluate(
            "(text) => { const input = document.querySelector('run-filter input[type=search]');"
            "input.value = text; input.dispatchEvent(new Event('input')); }",
            self.random.choice(TEXTS),
        )

    def sort(self) -> None:
        self.page.evaluate(
            "(at) => { const select = document.querySelector('select[name=sort]');"
            "select.selectedIndex = Math.floor(at * select.options.length);"
            "select.dispatchEvent(new Event('change', {bubbles: true})); }",
            self.random.choice([0.0, self.random.random()]),
        )

    def chip(self) -> None:
        self.click("run-filter button.status-chip")

    def pick(self) -> None:
        self.click(self.random.choice(["#rows .pick > input", "#rows .pick > input", "[data-unpick]"]))

    def select(self) -> None:
        self.click(self.random.choice(["#rows > .row a.label", "#rows > .row a.label", "[data-close-panel]"]))

    def follow(self) -> None:
        self.key("l")

    def press(self) -> None:
        self.page.evaluate(
            "document.querySelector('#rows > .row[tabindex=\"0\"]')?.focus({preventScroll: true})"
        )
        keys = [
            "ArrowDown",
            "ArrowUp",
            "PageDown",
            "PageUp",
            "Home",
            "End",
            "ArrowLeft",
            "ArrowRight",
            "Space",
            "*",
        ]
        self.page.keyboard.press(self.random.choice(keys))

    def shown(self) -> Shown:
        found: Shown = self.page.evaluate(SHOWN)
        return found

    def broken(self) -> list[str]:
        found: list[str] = self.page.evaluate(BROKEN)
        return found


def load_fresh(context: BrowserContext, url: str, shown: Shown) -> Shown:
    """What a page shows that is loaded now, with the shape and the window of the other one."""
    page = context.new_page()
    story = _story_of(page)
    hello = {**shown["hello"], "since": -1}
    page.add_init_script(ASK_FOR % json.dumps(hello))
    page.goto(url + shown["search"])
    try:
        page.wait_for_function(HAS_FRAME)
    except TimeoutError as error:
        asked = f"a fresh page got no frame; it asked for {hello}"
        raise AssertionError("\n".join([asked, *story])) from error
    page.evaluate(NEXT_FRAME)
    fresh: Shown = page.evaluate(SHOWN)
    page.close()
    return fresh


def _story_of(page: Page) -> list[str]:
    """What goes wrong in a page, and what its socket does, as it happens."""
    story: list[str] = []

    def follow(socket: WebSocket) -> None:
        story.append("the socket is made")
        socket.on("framesent", lambda text: story.append(f"it says {text!r}"))
        socket.on("framereceived", lambda text: story.append(f"it hears {text[:80]!r}"))
        socket.on("close", lambda _: story.append("the socket is closed"))

    page.on("websocket", follow)
    page.on("pageerror", lambda error: story.append(f"error: {error}"))
    page.on("console", lambda message: story.append(f"console: {message.text}"))
    page.on("requestfailed", lambda request: story.append(f"failed: {request.url} {request.failure}"))
    return story


def difference(shown: Shown, fresh: Shown) -> str:
    """What differs between two pages; empty when they are the same."""
    parts = []
    for name, text in fresh["parts"].items():
        lines = unified_diff(
            text.split("\n"), shown["parts"][name].split("\n"), "fresh", "live", n=0, lineterm=""
        )
        parts += [f"{name}: {line[:1500]}" for line in list(lines)[:12]]
    return "\n".join(parts)
