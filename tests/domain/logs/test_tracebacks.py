"""Which frames of a traceback are the user's own."""

from __future__ import annotations

import json
import traceback

import pytest

from runs.domain.logs.tracebacks import Frame, find_own_frame, is_library, is_library_frame

TRACEBACK = """\
Traceback (most recent call last):
  File "/home/ann/.venv/lib/python3.12/site-packages/flyte/_task.py", line 10, in aio
    return await function()
           ^^^^^^^^^^^^^^^^
  File "/tmp/code/train.py", line 31, in main
    await step(model)
  File "/tmp/code/models/net.py", line 18, in step
    return torch.load(path)
           ^^^^^^^^^^^^^^^^
  File "/home/ann/.venv/lib/python3.12/site-packages/torch/serialization.py", line 1400, in load
    raise RuntimeError("no such layer")
RuntimeError: no such layer
"""


@pytest.mark.parametrize(
    "file",
    [
        "/home/ann/.venv/lib/python3.12/site-packages/torch/nn/module.py",
        "/usr/lib/python3/dist-packages/yaml/__init__.py",
        "/usr/lib/python3.11/asyncio/tasks.py",
        "/usr/local/lib/python3.13t/json/decoder.py",
        "/home/ann/.local/share/uv/python/cpython-3.12.1-linux-x86_64-gnu/lib/python3.12/json/__init__.py",
        "/opt/python312.zip/json/__init__.py",
        "<frozen importlib._bootstrap>",
        "<string>",
        "/srv/flyteui/runs/executor/loop/host.py",
        "/home/ann/src/flyte-sdk/src/flyte/_task.py",
        "C:\\Python\\Lib\\site-packages\\x.py",
    ],
)
def test_what_is_installed_is_a_library(file: str):
    assert is_library(file)
    assert is_library_frame(f'  File "{file}", line 1, in f')


@pytest.mark.parametrize(
    "file",
    [
        "train.py",
        "/tmp/code/train.py",
        "/home/ann/python3/train.py",
        "/home/ann/library/site.py",
        "/home/ann/runs/first.py",
        "<ipython-input-1>",
        __file__,
    ],
)
def test_what_the_user_wrote_is_none(file: str):
    assert not is_library(file)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ('  File "/usr/lib/python3.11/x.py", line 3', True),
        ('  |   File "/usr/lib/python3.11/x.py", line 3, in <module>', True),
        ('  File "/home/ann/train.py", line 3, in main', False),
        ('said: File "/usr/lib/python3.11/x.py", line 3, in main', False),
        ('  File "/usr/lib/python3.11/x.py", line three, in main', False),
        ("no frame", False),
    ],
)
def test_a_line_begins_a_frame_of_a_library_or_not(text: str, is_one: bool):
    assert is_library_frame(text) is is_one


OWN = (7, Frame("/tmp/code/models/net.py", 18, "step", "return torch.load(path)"))


def find(text: str, code: str = "RuntimeError") -> tuple[int, Frame] | None:
    return find_own_frame(text.splitlines(), code)


def test_the_last_own_frame_is_the_one_above_the_library():
    assert find("printed before\n" + TRACEBACK + "printed after\n") == OWN


def test_of_a_chain_the_frame_of_the_last_exception_is_meant():
    cause = 'Traceback (most recent call last):\n  File "cause.py", line 1, in first\n    x\nKeyError: 1\n'
    between = "\nThe above exception was the direct cause of the following exception:\n\n"

    found = find(cause + between + TRACEBACK)
    assert found is not None
    assert found[1] == OWN[1]
    inner = TRACEBACK.replace("/tmp/code", "/usr/lib/python3.12")
    assert find(cause + between + inner) == (1, Frame("cause.py", 1, "first", "x"))


def test_a_traceback_of_another_error_is_not_meant():
    other = TRACEBACK.replace("RuntimeError: no", "KeyError: no")
    without = TRACEBACK.replace("/tmp/code", "/usr/lib/python3.12")

    assert find(other) is None
    assert find(other + without) is None
    assert find("RuntimeError: only said") is None
    assert find(TRACEBACK + other) == (6, OWN[1])


@pytest.mark.parametrize("code", ["", "Error", "runtimeerror", ".*"])
def test_the_error_is_named_whole(code: str):
    assert find(TRACEBACK, code) is None


def test_an_error_of_a_module_is_found_by_its_name():
    assert find(TRACEBACK.replace("RuntimeError: no", "torch.errors.LayerError: no"), "LayerError") == (
        6,
        OWN[1],
    )


def test_a_file_is_named_from_where_it_was_uploaded():
    found = find(TRACEBACK.replace("/tmp/code", "/srv/home/bundles/8dfa777ddacdfb0e1a72931a091af3d4"))

    assert found is not None
    assert found[1].file == "models/net.py"


def test_a_real_traceback_of_the_running_python_is_understood():
    try:
        json.loads("no JSON")
    except ValueError:
        found = find(traceback.format_exc(), "JSONDecodeError")

    assert found is not None
    assert (found[1].file, found[1].code) == (__file__, 'json.loads("no JSON")')


def test_a_group_of_exceptions_is_understood():
    try:
        raise ExceptionGroup("both", [ValueError("one")])
    except ExceptionGroup:
        found = find(traceback.format_exc(), "ExceptionGroup")

    assert found is not None
    assert found[1].code == 'raise ExceptionGroup("both", [ValueError("one")])'


def test_a_frame_without_its_code_has_none():
    assert find('  File "a.py", line 1, in f\nRuntimeError') == (0, Frame("a.py", 1, "f", ""))
    assert find('  File "a.py", line 1\n    ^^^^\nRuntimeError: x') == (0, Frame("a.py", 1, "", ""))
