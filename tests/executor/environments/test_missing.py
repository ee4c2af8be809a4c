"""The words for a module that an environment lacks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runs.executor.environments import missing
from runs.executor.environments.layout import Environment, write_environment
from runs.executor.flyte.failures import error_of

ABSENT = ModuleNotFoundError("No module named 'cv2'", name="cv2.dnn")


@pytest.fixture(autouse=True)
def of_the_worker() -> Iterator[None]:
    yield
    missing.look_in("")


def test_of_the_workers_own_python_they_show_how_to_give_the_task_an_image():
    assert 'flyte.Image.from_debian_base().with_pip_packages("cv2")' in missing.advise(ABSENT)


def test_of_a_package_that_is_there_they_do_not_say_that_it_is_missing():
    missing_part = ModuleNotFoundError("No module named 'json.flows'", name="json.flows")

    assert "There is a package 'json', but no 'json.flows' in it" in missing.advise(missing_part)


def test_of_an_image_they_name_it_and_what_of_it_is_not_honoured(tmp_path: Path):
    about = Environment(
        "flyteui.local/mine:1", "3.12.1", "2.12.1", not_honoured=["apt packages: ffmpeg, libgl1"]
    )
    write_environment(tmp_path, about)
    missing.look_in(str(tmp_path))

    advice = missing.advise(ABSENT)

    for words in (
        "'cv2' is not in the image flyteui.local/mine:1",
        "Python 3.12.1",
        "apt packages: ffmpeg, libgl1",
    ):
        assert words in advice


def test_what_the_sdk_makes_of_one_counts_and_nothing_else():
    wrapped = ModuleNotFoundError("Cannot load task")
    wrapped.__cause__ = ABSENT

    assert "'cv2'" in missing.advise(wrapped)
    assert missing.advise(ImportError("cannot import name 'a'")) == ""
    assert missing.advise(ValueError("no")) == ""


def test_the_error_of_an_action_has_them():
    assert "cv2" in error_of(ABSENT).err.message
    assert '.with_pip_packages("cv2")' in error_of(ABSENT).err.message
