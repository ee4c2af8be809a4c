"""Masking: nothing of a value is left, wherever a stream is cut, and nothing else is changed."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.domain.failures import Failure
from runs.executor.attempt.masking import MASK, Masker, mask_event
from runs.protocol import frames

KEY = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nabcdefgh\n-----END KEY-----\n"
# Few letters, so that values overlap, repeat and begin like one another.
VALUES = st.lists(st.text("ab\n", min_size=4, max_size=9), min_size=1, max_size=3)
TEXTS = st.text("ab\n c", max_size=60)


def in_pieces(masker: Masker, text: str, cuts: list[int]) -> str:
    ends = sorted({min(cut, len(text)) for cut in cuts} | {len(text)})
    shown, at = [], 0
    for end in ends:
        shown.append(masker.feed("out", text[at:end]))
        at = end
    return "".join((*shown, *(rest for _, rest in masker.end())))


@given(VALUES, TEXTS, st.lists(st.integers(0, 60), max_size=20))
def test_a_stream_is_masked_as_the_whole_text_is_wherever_it_is_cut(
    values: list[str], text: str, cuts: list[int]
):
    masker = Masker(value.encode() for value in values)

    assert in_pieces(masker, text, cuts) == masker.mask(text)


@given(st.text(min_size=4, max_size=30).filter(lambda v: len(v.strip()) >= 4 and v.isprintable()), st.data())
def test_no_value_is_left_in_any_form(value: str, data: st.DataObject):
    kept = value.strip()
    forms = [
        value,
        quote(kept),
        quote(kept, safe=""),
        base64.b64encode(kept.encode()).decode(),
        base64.urlsafe_b64encode(kept.encode()).decode(),
        json.dumps(kept),
        repr(kept),
        html.escape(kept),
    ]
    text = f"before {data.draw(st.sampled_from(forms))} after"
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=10))

    shown = in_pieces(Masker([value.encode()]), text, cuts)

    assert all(form.strip() not in shown.replace("before", "").replace("after", "") for form in forms)
    assert MASK in shown


@given(st.text("abc ", max_size=40), st.lists(st.integers(0, 40), max_size=10))
def test_what_has_no_secret_is_not_changed(text: str, cuts: list[int]):
    assert in_pieces(Masker([b"secret", b"another\nsecret"]), text, cuts) == text


@pytest.mark.parametrize("before", ["", "u:", "us:", "use:"])
def test_a_value_inside_of_what_was_encoded_is_masked(before: str):
    header = base64.b64encode(f"{before}long-enough-token".encode()).decode()

    shown = Masker([b"long-enough-token"]).mask(f"Basic {header}")

    assert MASK in shown
    assert "bG9uZy1lbm91Z2g" not in shown
    assert len(shown.replace(MASK, "")) <= len("Basic ") + 8


def test_a_value_of_many_lines_is_masked_as_a_whole_and_by_the_line():
    masker = Masker([KEY.encode()])

    assert masker.mask(f"<{KEY}>") == f"<{MASK}\n>"
    assert masker.mask("line: MIIEvQIBADANBg") == f"line: {MASK}"
    assert masker.mask(json.dumps(KEY)) == f'"{MASK}\\n"'


def test_what_is_too_short_is_left_alone():
    assert Masker([b"abc", b" ", b""]).mask("abc and  more") == "abc and  more"


def test_streams_do_not_mix():
    masker = Masker([b"secret"])

    assert masker.feed("out", "sec") == ""
    assert masker.feed("err", "ret") == "ret"
    assert masker.feed("out", "ret\n") == f"{MASK}\n"


def test_binary_is_masked_as_our_logs_show_it():
    value = b"\xff\xfe\x00key"

    assert Masker([value]).mask(value.decode("utf-8", "backslashreplace")) == MASK


def test_what_code_says_beside_its_output_is_masked_in_each_event():
    mask = Masker([b"secret"]).mask
    key = frames.Key(1, "a0")
    failure = Failure("E", "no secret")

    ended = mask_event(frames.Finished(key, 1, 1, "failed", failure, left_behind="secret.sh"), mask)
    refusing = mask_event(frames.Refusing(key, 1, 1, 1, "at secret()", 0), mask)
    started = frames.Started(key, 1, 1)

    assert isinstance(ended, frames.Finished)
    assert ended.failure == Failure("E", f"no {MASK}")
    assert ended.left_behind == f"{MASK}.sh"
    assert isinstance(refusing, frames.Refusing)
    assert refusing.stack == f"at {MASK}()"
    assert mask_event(started, mask) is started
