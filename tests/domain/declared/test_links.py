"""The links of a task, with the names of its action."""

from __future__ import annotations

import pytest
from flyteidl2.core import execution_pb2, tasks_pb2

from runs.domain.declared import links

NAMES = links.names_of(project="p", domain="d", run="r1", action="c1", attempt=2)


def template(uri: str, *, name: str = "Board", hide: bool = False) -> tasks_pb2.TaskTemplate:
    told = execution_pb2.TaskLog(uri=uri, name=name, HideOnceFinished=hide)
    return tasks_pb2.TaskTemplate(metadata=tasks_pb2.TaskMetadata(log_links=[told]))


def test_templates_are_filled_whatever_their_case() -> None:
    (link,) = links.links_of(
        template("https://b.example/{{.actionName}}/{{ .RUNNAME }}?pod={{.podName}}&x={{.other}}"), NAMES
    )

    assert link.uri == link.href == "https://b.example/c1/r1?pod=r1-c1-1&x={{.other}}"


@pytest.mark.parametrize(
    "uri", ["javascript:alert(1)", "data:text/html,x", "//b.example", "https://", "b", "http://[x"]
)
def test_an_address_that_a_page_must_not_open_is_shown_as_text_only(uri: str) -> None:
    (link,) = links.links_of(template(uri), NAMES)

    assert (link.href, link.uri) == ("", uri)


def test_a_link_without_a_name_shows_its_address() -> None:
    (link,) = links.links_of(template("https://b.example", name=""), NAMES)

    assert link.name == "https://b.example"


def test_the_client_gets_them_rendered_and_not_those_that_are_for_running_actions() -> None:
    live = template("https://b.example/{{.actionName}}", hide=True)

    assert [told.uri for told in links.messages_of(live, NAMES, is_live=True)] == ["https://b.example/c1"]
    assert links.messages_of(live, NAMES, is_live=False) == []
