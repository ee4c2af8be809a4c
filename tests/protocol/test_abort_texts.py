"""The message of an aborted child carries its facts to a parent in another process."""

from __future__ import annotations

import pytest

from runs.protocol.abort_texts import abort_text, parse_abort_text
from runs.protocol.frames import AbortNote


@pytest.mark.parametrize("reason", ["too slow", "a: b (c)", "", "two\nlines", "x was aborted by y: z (q)"])
def test_what_was_written_is_read_again(reason: str) -> None:
    note = AbortNote("external abort", "alice@example.com", reason, "", 7)

    assert parse_abort_text("c1", abort_text("c1", note), requested_at=7) == note


def test_an_abort_without_a_reason_says_so() -> None:
    note = AbortNote("external abort", "ann", "", "", 7)

    assert abort_text("c1", note) == "Action c1 was aborted by ann: no reason given (external abort)"


@pytest.mark.parametrize(
    "text", ["", "Action c1 was aborted", "Action c2 was aborted by a: b (c)", "anything: else (c)"]
)
def test_any_other_text_says_nothing(text: str) -> None:
    assert parse_abort_text("c1", text, requested_at=0) is None
