"""Fills `Launch.environment` as the engine does: by the image of the pool. Which environment that is stands in a file here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.apps import AppConfig

FILE = "images.json"


class ChosenEnvironments(AppConfig):
    name = "tests.support.server"
    label = "chosen_environments"

    def ready(self) -> None:
        from django.conf import settings

        from runs.engine.executors import scheduling
        from runs.models import Pool

        take = scheduling._Room.take

        def take_with_environment(self: Any, pool_id: int, *rest: Any) -> Any:
            launch = take(self, pool_id, *rest)
            images = json.loads((Path(settings.ENVIRONMENTS) / FILE).read_text())
            launch.environment = images.get(Pool.objects.get(pk=pool_id).image, "")
            return launch

        vars(scheduling)["_Room"].take = take_with_environment
