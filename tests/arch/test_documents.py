"""The reference names what there is, no more and no less; and every link of the documents leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.urls import URLPattern, URLResolver
from prometheus_client.metrics_core import Metric

from flyteui import main, urls
from runs.api.asgi import SERVICES
from runs.store import metrics
from tests.arch.sources import ROOT, files_under, python_files
from tests.support.documents import blocks, broken_links, documents

REFERENCE = ROOT / "docs" / "reference"
READ = re.compile(r'\b(?:env|kept|kept_secret)\(\s*"([A-Z_]+)"')
NAMED = re.compile(r"FLYTEUI_([A-Z_]+[A-Z])\b")
# Our processes tell them each other; nobody sets them.
INTERNAL = {"USER_UMASK", "HEARTBEAT_FD", "RUN_CREDENTIAL", "ACTION"}
# Settings that are read otherwise than by name in the settings.
OTHERWISE = {"ISOLATE"}
DOCS_URL = re.compile(r"\{% url 'docs-file' '([^']+)' %\}(#[\w-]+)?")
PLACES = {
    "RUNS": "/v2/domain/<domain>/project/<project>/runs",
    "RUN": "/v2/domain/<domain>/project/<project>/runs/<run>",
    "ACTION": "/v2/domain/<domain>/project/<project>/runs/<run>/actions/<action>",
    "TASKS": "/v2/domain/<domain>/project/<project>/tasks",
}


def first_cells(page: str) -> str:
    """What stands in the first columns of the tables of a page."""
    lines = (REFERENCE / page).read_text().splitlines()
    return "\n".join(line.split("|")[1] for line in lines if line.startswith("| "))


def test_the_reference_has_every_setting() -> None:
    read = {name for path in python_files("flyteui") for name in READ.findall(path.read_text())}
    documented = set(NAMED.findall(first_cells("settings.md")))

    assert len(read) > 50
    assert documented == (read | OTHERWISE) - INTERNAL


def test_a_setting_that_a_document_names_is_one() -> None:
    known = set(NAMED.findall(first_cells("settings.md"))) | INTERNAL
    unknown = {
        f"{page.relative_to(ROOT)}: {name}"
        for page in documents()
        for name in NAMED.findall(page.read_text())
        if name not in known
        and not any(one.startswith(f"{name}_") for one in known)
        and not name.startswith(("TEST_", "SCREENSHOTS", "CHROMIUM"))
    }

    assert unknown == set()


def test_the_reference_has_every_command() -> None:
    commands = {name for group in main.COMMANDS.values() for name in group}
    documented = set(
        re.findall(r"^### flyteui (\w+)$", (REFERENCE / "commands.md").read_text(), re.MULTILINE)
    )

    assert documented == commands


def test_every_command_of_ours_is_one_of_flyteui() -> None:
    files = {path.stem for path in (ROOT / "runs/management/commands").glob("[a-z]*.py")}

    # These write pages of this repository.
    assert files - {"compatibility", "states"} == {
        name for group in main.COMMANDS.values() for name in group
    } - {
        "flyte",
        "manage",
    }


def routes(patterns: list[URLPattern | URLResolver], before: str = "/") -> list[str]:
    found = []
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            found += [route] if pattern.namespace == "admin" else routes(pattern.url_patterns, route)
        else:
            found.append(route)
    return [re.sub(r"<\w+:", "<", route) for route in found]


def test_the_reference_has_every_url() -> None:
    named = re.findall(r"`([^`]+)`", first_cells("urls.md"))
    documented = set()
    for name in named:
        place, slash, rest = name.partition("/")
        documented.add(f"{PLACES[place]}{slash}{rest}" if place in PLACES else name)
    services = {f"/{name}" for name in named if name.startswith("flyteidl2.")}

    # Those of the directory are pages, too.
    assert documented - {one[1:] for one in services} == set(routes(urls.urlpatterns))
    assert services == set(SERVICES)


def test_the_reference_has_every_metric() -> None:
    found = {metric.name for metric in all_metrics()}
    ours = {name for name in found if name.startswith("flyteui_")}
    documented = {
        name.removesuffix("_total") for name in re.findall(r"flyteui_\w+", first_cells("metrics.md"))
    }

    assert documented == ours


def all_metrics() -> list[Metric]:
    counts = metrics.Counts({}, 0, [], (0, 0.0), {}, 0.0, 0)
    return [*metrics.REGISTRY.collect(), *metrics._Gauges(counts).collect()]


@pytest.mark.parametrize("page", documents(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_of_a_document_leads_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_every_link_of_a_page_into_the_documentation_leads_somewhere(tmp_path: Path) -> None:
    found = [
        (path.name, place.rstrip("/"), anchor)
        for path in files_under(ROOT / "templates")
        for place, anchor in DOCS_URL.findall(path.read_text())
    ]
    links = tmp_path / "links.md"
    links.write_text("\n".join(f"[{name}]({ROOT}/docs/{place}.md{anchor})" for name, place, anchor in found))

    assert len(found) >= 6
    assert broken_links(links) == []


def test_what_is_not_run_says_why() -> None:
    exempt = [block.note for block in blocks() if block.note.startswith("not run: ")]

    assert len(exempt) <= 3
    assert all(len(why.split()) > 5 for why in exempt)


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# A `heading`, and more\n")
    page = tmp_path / "page.md"
    page.write_text("[a](there.md#a-heading-and-more) [b](there.md#other) [c](gone.md)\n")

    assert broken_links(page) == ["there.md#other", "gone.md"]
