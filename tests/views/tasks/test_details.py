"""The tab Details of the panel of a task's action."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from flyteidl2.task import task_definition_pb2

from runs.models import Action, TaskSpec
from tests.support import factories
from tests.support.scene import task_spec

pytestmark = pytest.mark.django_db(transaction=True)

IMAGE = "ghcr.io/flyteorg/flyte:py3.11-v2.12.1"


def test_the_image_is_said_also_where_the_workers_own_python_has_all_that_it_has():
    run = factories.make_run()
    message = task_definition_pb2.TaskSpec.FromString(task_spec())
    message.task_template.container.image = IMAGE
    spec = TaskSpec.objects.create(digest="d", spec=message.SerializeToString(), name="env.main")
    Action.objects.filter(run=run, name="a0").update(spec=spec)

    answer = (
        Client()
        .get("/v2/domain/development/project/flytesnacks/runs/run1/actions/a0?tab=details")
        .content.decode()
    )

    said = " ".join(re.sub(r"<[^>]*>", " ", answer).split())
    assert f"Image Name {IMAGE} Has The worker's own Python and packages" in said.replace("&#x27;", "'")
