"""The product's settings, but that a file says in which environment the tasks of an image run."""

from __future__ import annotations

from flyteui.settings import *  # noqa: F403
from flyteui.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.support.server.chosen_environments.ChosenEnvironments"]
