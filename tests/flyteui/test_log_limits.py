"""Lines that come a thousand times a second: some are written, and how many were not."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from flyteui import log_limits
from flyteui.log_limits import LINES, WINDOW_SECONDS, RateLimited
from flyteui.logs import logging_config


class Limiter:
    """The filter, with a clock and a timer of the test's own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.due: list[tuple[float, Callable[[], None]]] = []
        self.limited = RateLimited(
            clock=lambda: self.now, later=lambda seconds, function: self.due.append((seconds, function))
        )

    def passed(self, text: str, count: int, *, level: int = logging.WARNING, name: str = "x") -> int:
        lines = [logging.LogRecord(name, level, __file__, 1, text, None, None) for _ in range(count)]
        return sum(bool(self.limited.filter(line)) for line in lines)


@pytest.fixture
def limiter() -> Limiter:
    return Limiter()


def test_of_one_kind_some_pass_and_the_others_are_counted(limiter: Limiter, caplog: pytest.LogCaptureFixture):
    assert limiter.passed("refused", 1000) == LINES
    limiter.now = 4.0
    assert limiter.passed("refused", 500) == 0

    [(seconds, report)] = limiter.due
    report()

    assert seconds == WINDOW_SECONDS
    assert f"{1500 - LINES} more lines like 'refused' were left out in 10 s" in caplog.text
    limiter.now = WINDOW_SECONDS
    assert limiter.passed("refused", 1) == 1


def test_another_kind_passes_meanwhile(limiter: Limiter):
    limiter.passed("refused", 1000)

    assert limiter.passed("another", 1) == 1
    assert limiter.passed("refused", 1, level=logging.ERROR) == 1
    assert limiter.passed("refused", 1, name="y") == 1


def test_who_asks_for_every_line_gets_it(limiter: Limiter):
    assert limiter.passed("asked", 1000, level=logging.INFO) == 1000


def test_values_make_no_other_kind():
    ours = logging.LogRecord("x", logging.WARNING, __file__, 1, {"event": "refused", "open": 7}, None, None)
    theirs = logging.LogRecord("x", logging.WARNING, __file__, 1, "Not Found: %s", ("/a",), None)

    assert log_limits.kind_of(ours) == ("x", logging.WARNING, "refused")
    assert log_limits.kind_of(theirs) == ("x", logging.WARNING, "Not Found: %s")


def test_texts_that_are_all_different_fill_no_memory(limiter: Limiter, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(log_limits, "MAX_KINDS", 10)

    passed = sum(limiter.passed(f"text {number}", 1) for number in range(1000))

    assert passed == 10 + LINES
    assert len(limiter.limited._windows) <= 11


def test_the_servers_log_is_limited():
    assert "rate" in logging_config("WARNING")["handlers"]["stderr"]["filters"]
