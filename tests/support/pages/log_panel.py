"""The Logs tab of a live action, and a run that prints what a test tells it to."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Locator, Page

from runs.domain.phases import Phase
from tests.support.pages.connected import until_connected
from tests.support.pages.run_page import run_url
from tests.support.server.server import Server

HAS_LINE = """(text) => [...document.querySelectorAll("log-view .log .line:nth-last-of-type(-n+3) span")]
  .some((line) => line.textContent === text)"""


class Chat:
    """A run whose root prints what it is told to."""

    def __init__(self, server: Server, orders: Path) -> None:
        orders.touch()
        self.orders = orders
        self.server = server
        self.run = server.submit("tests/workflows/chatting.py", "main", "--orders", str(orders))
        server.wait_running(self.run, "main", 1)
        self.url = f"{run_url(server, self.run)}?action=a0&tab=logs"

    def say(self, *orders: str) -> None:
        with self.orders.open("a") as file:
            file.write("".join(f"{order}\n" for order in orders))

    def print(self, *texts: str) -> None:
        """To stdout, whatever is in them."""
        self.say(*(f"json {json.dumps(text)}" for text in texts))

    def end(self) -> None:
        self.say("end")
        assert self.server.wait_ended(self.run) is Phase.SUCCEEDED


def lines(page: Page) -> Locator:
    return page.locator("log-view .log:not(.log-found) > .line")


def spans(page: Page) -> list[str]:
    found: list[str] = page.evaluate(
        "() => [...document.querySelectorAll('log-view .log > .line span')].map((line) => line.textContent)"
    )
    return found


def open_log(page: Page, chat: Chat) -> None:
    page.goto(chat.url)
    until_connected(page)


def until_line(page: Page, text: str) -> None:
    page.wait_for_function(HAS_LINE, arg=text)
