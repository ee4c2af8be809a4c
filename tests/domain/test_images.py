"""What the name of an image asks for, and the task that builds one."""

from __future__ import annotations

import pytest
from flyteidl2.task import task_definition_pb2

from runs.domain.images import Origin, Versions, build_task, is_build, is_build_task, need_of, read_base

OWN = Versions("3.11", "2.12.1")
MD5 = "f9471f0d8a7d3e1c69c2e77cfbe19154"


@pytest.mark.parametrize(
    ("image", "origin", "name"),
    [
        ("", Origin.OWN, ""),
        ("auto", Origin.OWN, ""),
        ("ghcr.io/flyteorg/flyte:py3.11-v2.12.1", Origin.OWN, ""),
        ("ghcr.io/flyteorg/flyte:py3.11-v2.12.7", Origin.OWN, ""),
        ("mirror.example:5000/x/flyte:py3.11-v2.12.1", Origin.OWN, ""),
        ("ghcr.io/flyteorg/flyte:py3.12-v2.12.1", Origin.SDK, "flyte:py3.12-v2.12.1"),
        ("ghcr.io/flyteorg/flyte:py3.11-v2.9.0", Origin.SDK, "flyte:py3.11-v2.9.0"),
        (f"flyteui.local/cow:{MD5}", Origin.BUILT, f"cow:{MD5}"),
        (f"localhost:30000/cow:{MD5}", Origin.ELSEWHERE, f"cow:{MD5}"),
        (f"cow:{MD5}", Origin.ELSEWHERE, f"cow:{MD5}"),
        ("docker.io/library/ubuntu:24.04", Origin.OWN, ""),
        ("python:3.11-slim-bookworm", Origin.OWN, ""),
        ("python:3.12-slim-bookworm", Origin.SDK, "python:3.12-slim-bookworm"),
    ],
)
def test_the_name_of_an_image_says_who_makes_its_environment(image: str, origin: Origin, name: str):
    need = need_of(image, OWN)

    assert (need.origin, need.name) == (origin, name)


@pytest.mark.parametrize(
    ("image", "found"),
    [
        ("ghcr.io/flyteorg/flyte:py3.13-v2.0.0b35", Versions("3.13", "2.0.0b35")),
        ("python:3.12-slim-bookworm", Versions("3.12")),
        ("docker.io/library/python:3.12.4", Versions("3.12")),
        ("ubuntu:24.04", None),
        ("nvidia/cuda:12.4.1-runtime", None),
        ("example/python:3.12", None),  # anybody's, with anything in it
    ],
)
def test_a_base_image_gives_python_and_flyte_where_it_is_no_more_than_that(
    image: str, found: Versions | None
):
    assert read_base(image) == found


def test_the_task_is_known_by_its_content_and_a_clients_copy_of_it_by_its_name():
    facts = build_task()
    copy = task_definition_pb2.TaskSpec.FromString(facts.spec)
    copy.task_template.security_context.secrets.add(key="token")

    assert is_build(facts)
    assert is_build(build_task(is_forced=True))
    assert is_build_task(copy)
    assert not is_build_task(task_definition_pb2.TaskSpec())
