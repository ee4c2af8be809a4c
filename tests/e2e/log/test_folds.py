"""Tracebacks in a log: frames of libraries are folded into a line that opens."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.pages.axe import violations
from tests.support.pages.log_panel import Chat, open_log, until_line

pytestmark = pytest.mark.e2e

LIBRARY = "/usr/lib/python3.12"


def frame(file: str, line: int = 3) -> list[str]:
    return [f'  File "{file}", line {line}, in f', f"    code_of({line})", "    ~~~~^^^"]


def folds(page: Page) -> Locator:
    return page.locator("log-view .fold")


def shown(page: Page) -> list[str]:
    return page.locator("log-view .log > .line:visible span").all_inner_texts()


def test_frames_of_libraries_are_folded_and_own_ones_stay(page: Page, chat: Chat):
    open_log(page, chat)
    chat.say("fail", "out after it")
    until_line(page, "after it")

    expect(folds(page)).to_have_text("3 library frames")
    live = page.locator("log-view .log").inner_html()
    seen = shown(page)
    assert seen[0] == "Traceback (most recent call last):"
    assert "chatting.py" in seen[1]
    assert 'json.loads("no JSON")' in seen[2]
    assert not any("decoder" in text and "File" in text for text in seen)
    page.reload()
    until_line(page, "after it")
    assert page.locator("log-view .log").inner_html() == live

    assert violations(page, within="log-view") == []

    folds(page).focus()
    page.keyboard.press("Enter")
    expect(folds(page)).to_have_attribute("aria-expanded", "true")
    assert sum("json/decoder.py" in text for text in shown(page)) == 2
    page.keyboard.press("Enter")
    expect(folds(page)).to_have_attribute("aria-expanded", "false")
    assert shown(page) == seen
    chat.end()


def test_a_traceback_that_comes_in_pieces_is_folded_as_one_that_comes_whole(page: Page, chat: Chat):
    open_log(page, chat)
    pieces = [
        ["Traceback (most recent call last):", *frame("/home/ann/train.py")],
        frame(f"{LIBRARY}/a.py")[:1],
        frame(f"{LIBRARY}/a.py")[1:],
        [*frame(f"{LIBRARY}/b.py"), "  [Previous line repeated 9 more times]"],
        [*frame("/home/ann/net.py"), *frame(f"{LIBRARY}/c.py"), "ValueError: no"],
    ]
    for piece in pieces:
        chat.print(*piece)
        until_line(page, piece[-1])

    expect(folds(page)).to_have_text(["2 library frames", "1 library frame"])
    assert [text for text in shown(page) if "File" in text] == [
        frame("/home/ann/train.py")[0],
        frame("/home/ann/net.py")[0],
    ]
    assert shown(page)[-1] == "ValueError: no"
    live = page.locator("log-view .log").inner_html()
    page.reload()
    until_line(page, "ValueError: no")
    assert page.locator("log-view .log").inner_html() == live
    chat.end()


def test_an_open_fold_stays_open_while_it_grows(page: Page, chat: Chat):
    open_log(page, chat)
    chat.print(*frame(f"{LIBRARY}/a.py"))
    folds(page).click()
    chat.print(*frame(f"{LIBRARY}/b.py"))

    expect(folds(page)).to_have_text("2 library frames")
    expect(folds(page)).to_have_attribute("aria-expanded", "true")
    chat.end()


def test_a_match_in_a_fold_opens_it(page: Page, chat: Chat):
    chat.print(*frame("/home/ann/train.py"), *frame(f"{LIBRARY}/needle.py"), "needle at the end")
    chat.end()
    open_log(page, chat)
    expect(folds(page)).to_have_attribute("aria-expanded", "false")

    page.get_by_role("searchbox", name="Search the log").fill("needle")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")

    expect(folds(page)).to_have_attribute("aria-expanded", "true")
    expect(page.locator(".line.now")).to_be_in_viewport()
    page.get_by_role("button", name="Only matches").click()
    expect(folds(page)).to_be_hidden()
    found = [frame(f"{LIBRARY}/needle.py")[0].strip(), "needle at the end"]
    assert [text.strip() for text in shown(page)] == found


def test_a_stream_that_is_not_shown_has_no_folds_either(page: Page, chat: Chat):
    chat.say("fail", "out after it")
    chat.end()
    open_log(page, chat)
    expect(folds(page)).to_be_visible()

    page.get_by_label("Stream").select_option("out")

    expect(folds(page)).to_be_hidden()
    assert shown(page) == ["after it", "the last line"]
