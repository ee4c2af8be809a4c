"""A line as a terminal would leave it, whatever a program has written into it."""

from __future__ import annotations

import time

import pytest

from runs.domain.logs.terminal import PLAIN, Part, Style, plain, read_parts

RED = Style("1")
ESC = "\x1b"
LONG = 64 * 1024


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("nothing of it", [Part("nothing of it", PLAIN)]),
        ("", []),
        (f"{ESC}[31mred{ESC}[0m plain", [Part("red", RED), Part(" plain", PLAIN)]),
        (f"{ESC}[31mre{ESC}[31md{ESC}[m", [Part("red", RED)]),
        (f"{ESC}[91;44mx", [Part("x", Style("9", "4"))]),
        (f"{ESC}[31;42mx{ESC}[39my{ESC}[49mz", [Part("x", Style("1", "2")), Part("y", Style("", "2")), Part("z", PLAIN)]),
        (f"{ESC}[1;2;3;4;7;9mx", [Part("x", Style(looks=frozenset({"bold", "dim", "italic", "underline", "inverse", "strike"})))]),
        (f"{ESC}[1;3;4mx{ESC}[22;23my{ESC}[24mz", [
            Part("x", Style(looks=frozenset({"bold", "italic", "underline"}))), Part("y", Style(looks=frozenset({"underline"}))), Part("z", PLAIN),
        ]),
        (f"{ESC}[4:3mx{ESC}[4:0my", [Part("x", Style(looks=frozenset({"underline"}))), Part("y", PLAIN)]),
        (f"{ESC}[38;5;9mx", [Part("x", Style("9"))]),
        (f"{ESC}[38;5;208mx", [Part("x", Style("#ff8700"))]),
        (f"{ESC}[48;5;255mx", [Part("x", Style("", "#eeeeee"))]),
        (f"{ESC}[38;2;1;22;255;1mx", [Part("x", Style("#0116ff", looks=frozenset({"bold"})))]),
        (f"{ESC}[38:2::1:22:255mx", [Part("x", Style("#0116ff"))]),
        (f"{ESC}[58;5;3;31mx", [Part("x", RED)]),
    ],
)  # fmt: skip
def test_colours_and_styles_are_kept(text: str, parts: list[Part]):
    assert read_parts(text) == parts


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("\r 10%\r 20%\r100% done", "100% done"),
        ("longer text\rshort", "shortr text"),
        (f"longer text\r{ESC}[Kshort", "short"),
        (f"longer text{ESC}[2Kshort", "short"),
        ("a line of Windows\r", "a line of Windows"),
        ("Epoch 1\b\b 2", "Epoch 2"),
        ("\b\b\bx", "x"),
    ],
)
def test_what_is_overwritten_is_gone(text: str, left: str):
    assert plain(text) == left


def test_what_is_overwritten_takes_its_colour_with_it():
    assert read_parts(f"{ESC}[31mred{ESC}[0m\rx") == [Part("x", PLAIN), Part("ed", RED)]


@pytest.mark.parametrize(
    "junk",
    [
        f"{ESC}[2J", f"{ESC}[?25l", f"{ESC}[10;20H", f"{ESC}[A", f"{ESC}[>4;2m", f"{ESC}(B", f"{ESC}=", f"{ESC}]0;a title\x07",
        f"{ESC}]8;;https://example.org{ESC}\\", f"{ESC}P1$r{ESC}\\", f"{ESC}c", "\x07", "\x00", "\x7f", f"{ESC}[38;5;999m", f"{ESC}[38;2;1m",
        f"{ESC}[38;2;300;1;1m", f"{ESC}[{'9' * 6000}m", f"{ESC}[{';1' * 3000}m", f"{ESC}[99m", f"{ESC}[;m",
    ],
)  # fmt: skip
def test_every_other_sequence_is_removed_and_changes_nothing(junk: str):
    assert read_parts(f"before {junk}after") == [Part("before after", PLAIN)]


@pytest.mark.parametrize("cut", [ESC, f"{ESC}[", f"{ESC}[3", f"{ESC}[38;5", f"{ESC}[?", f"{ESC}("])
def test_a_sequence_that_is_cut_by_the_end_of_the_line_is_removed(cut: str):
    assert read_parts(f"text{cut}") == [Part("text", PLAIN)]


def test_a_title_without_an_end_hides_nothing():
    assert plain(f"{ESC}]8;;https://example.org text") == "8;;https://example.org text"


def test_blanks_at_the_end_are_left_out_unless_one_sees_them():
    assert read_parts("text   \t ") == [Part("text", PLAIN)]
    assert plain(f"{ESC}[31mtext   {ESC}[0m   ") == "text"
    assert plain(f"{ESC}[41mtext   {ESC}[0m   ") == "text   "


@pytest.mark.parametrize(
    "unit",
    [
        f"{ESC}[31ma\r", f"{ESC}]", f"{ESC}[3;", f"{ESC}P", "x\b", f"x{ESC}[2K", f"x{ESC}[K\b", f"x{ESC}[1K", "\x00\x01", f"{ESC}[31mx{ESC}[32my",
    ],
)  # fmt: skip
def test_the_work_does_not_grow_faster_than_the_line(unit: str):
    def measure(length: int) -> float:
        text = unit * (length // len(unit))
        took = []
        for _ in range(3):
            began = time.process_time()
            read_parts(text)
            took.append(time.process_time() - began)
        return min(took)

    assert measure(8 * LONG) < 30 * max(measure(LONG), 0.001)


def test_a_line_reads_the_same_whether_it_is_printed_or_written_over():
    text = f"a{ESC}[31mb{ESC}[31mc{ESC}[41m {ESC}[0m{ESC}[1m  {ESC}[0m \x07"

    assert read_parts(text) == read_parts(f"x\b{text}") == read_parts(f"{text}{ESC}[K")


def test_a_hostile_line_of_colours_is_read():
    text = "".join(f"{ESC}[38;2;{n % 256};{n // 256};7m{n % 10}" for n in range(4000))

    assert len(read_parts(text)) == 4000
    assert plain(text) == "0123456789" * 400
