"""What a thread that an action has started is called: the user's own word, for a row and for the panel."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from functools import partial

import pytest

from runs.executor.attempt.owned import name_of


def fit() -> None:
    pass


class Trainer(threading.Thread):
    def step(self) -> None:
        pass


def nested() -> Callable[[], None]:
    def fit_inside() -> None:
        pass

    return fit_inside


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (fit, "fit"),
        (nested(), "fit_inside"),
        (partial(fit), "fit"),
        # As asyncio.to_thread calls it.
        (partial(contextvars.copy_context().run, fit), "fit"),
        (threading.Thread(target=fit).run, "fit"),
        (Trainer().run, "Trainer.run"),
        (Trainer(target=nested()).run, "fit_inside"),
    ],
)
def test_a_thread_is_called_after_the_function_that_it_runs(function: object, name: str) -> None:
    assert name_of(function) == name
