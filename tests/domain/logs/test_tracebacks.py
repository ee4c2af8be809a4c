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
  File "/tmp/flyteui-1/code/train.py", line 31, in main
    await step(model)
  File "/tmp/flyteui-1/code/models/net.py", line 18, in step
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
        "/tmp/flyteui-1/code/train.py",
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


def test_the_last_own_frame_is_the_one_above_the_library():
    assert find_own_frame(TRACEBACK) == Frame(
        "/tmp/flyteui-1/code/models/net.py", 18, "step", "return torch.load(path)"
    )


def test_of_a_chain_the_frame_of_the_last_exception_is_meant():
    cause = 'Traceback (most recent call last):\n  File "cause.py", line 1, in first\n    x\nKeyError: 1\n'
    between = "\nThe above exception was the direct cause of the following exception:\n\n"

    assert find_own_frame(cause + between + TRACEBACK) == find_own_frame(TRACEBACK)


@pytest.mark.parametrize(
    "message", ["", "no traceback", TRACEBACK.replace("/tmp/flyteui-1/code", "/usr/lib/python3.12")]
)
def test_without_an_own_frame_there_is_none(message: str):
    assert find_own_frame(message) is None


def test_a_real_traceback_of_the_running_python_is_understood():
    try:
        json.loads("no JSON")
    except ValueError:
        found = find_own_frame(traceback.format_exc())

    assert found is not None
    assert (found.file, found.code) == (__file__, 'json.loads("no JSON")')


def test_a_group_of_exceptions_is_understood():
    try:
        raise ExceptionGroup("both", [ValueError("one")])
    except ExceptionGroup:
        text = traceback.format_exc()

    found = find_own_frame(text)
    assert found is not None
    assert found.code == 'raise ExceptionGroup("both", [ValueError("one")])'


def test_a_frame_without_its_code_has_none():
    assert find_own_frame('  File "a.py", line 1, in f\nValueError') == Frame("a.py", 1, "f", "")
    assert find_own_frame('  File "a.py", line 1\n    ^^^^') == Frame("a.py", 1, "", "")
