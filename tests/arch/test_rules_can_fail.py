"""Each rule finds the offence that it is for, and lets pass what merely looks like one."""

from __future__ import annotations

import pytest

from tests.arch import rules


@pytest.mark.parametrize(
    "source",
    [
        "action.phase = 'FAILED'",
        "self.row.phase, other = 'FAILED', 1",
        "row.phase: str = 'FAILED'",
        "setattr(action, 'phase', 'FAILED')",
        "Action.objects.filter(id=1).update(phase='FAILED')",
        "Action.objects.bulk_update(rows, ['phase', 'ended_at'])",
        "Action.objects.update_or_create(id=1, defaults={'phase': 'FAILED'})",
        "sql = 'UPDATE runs_action SET changed_seq = 1, phase = %s WHERE id = %s'",
    ],
)
def test_a_written_phase_is_found(source: str) -> None:
    assert rules.phase_writes(source) == ["1: writes a phase"]


@pytest.mark.parametrize(
    "source",
    [
        "phase = models.CharField()",
        "row = Row(phase='QUEUED')",
        "if action.phase == 'FAILED': pass",
        "Action.objects.filter(phase='FAILED').update(attempt=2)",
        "sql = 'SELECT * FROM runs_action WHERE phase = %s'",
    ],
)
def test_a_read_phase_is_no_offence(source: str) -> None:
    assert rules.phase_writes(source) == []


@pytest.mark.parametrize("attribute", ["objects", "_default_manager"])
def test_a_manager_in_an_adapter_is_found(attribute: str) -> None:
    assert rules.orm_access(f"rows = Action.{attribute}.all()") == [f"1: .{attribute}"]


def test_a_manager_in_a_template_is_found() -> None:
    assert rules.orm_access_in_template("<ul>\n{{ run.objects.all }}\n</ul>") == ["2: .objects"]


@pytest.mark.parametrize(
    "source",
    [
        "import flyte._internal.runtime",
        "from flyte._internal.runtime import rusty",
        "from flyte import _internal",
        "from flyte.remote._client import controlplane",
        "import flyte\nflyte._context.ctx()",
        "importlib.import_module('flyte._internal')",
    ],
)
def test_a_private_module_of_flyte_is_found(source: str) -> None:
    assert len(rules.private_flyte_imports(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "import flyte.errors",
        "from flyte.errors import ActionAbortedError",
        "import flyte\nflyte.__version__",
        "from runs import _private",
    ],
)
def test_a_public_module_of_flyte_is_no_offence(source: str) -> None:
    assert rules.private_flyte_imports(source) == []


@pytest.mark.parametrize(
    "source",
    ["import msgspec", "from django.db.models import TextChoices", "from runs import models", "import runs"],
)
def test_an_impure_import_is_found(source: str) -> None:
    assert len(rules.impure_imports(source)) == 1


@pytest.mark.parametrize(
    "source", ["import enum", "from runs.domain.phases import Phase", "from runs.domain import phases"]
)
def test_a_pure_import_is_no_offence(source: str) -> None:
    assert rules.impure_imports(source) == []


@pytest.mark.parametrize(
    "source",
    [
        "time.sleep(1)",
        "await asyncio.sleep(0.1)",
        "await asyncio.sleep(delay)",
        "sleep(2)",
        "page.wait_for_timeout(500)",
    ],
)
def test_a_sleep_is_found(source: str) -> None:
    assert rules.sleeps(source) == [f"1: {source.removeprefix('await ')}"]


@pytest.mark.parametrize(
    "source", ["await asyncio.sleep(0)", "await clock.sleep(5)", "workflow = 'time.sleep(1)'"]
)
def test_what_only_looks_like_a_sleep_is_no_offence(source: str) -> None:
    assert rules.sleeps(source) == []


@pytest.mark.parametrize(
    "source",
    [
        "page.wait_for_function('window.isReady')",
        "page.wait_for_function(f'{name} > 1')",
        "page.wait_for_function(expression='window.isReady')",
        "page.wait_for_function(READY); READY = 'window.isReady'",
        "page.wait_for_function(READY)",
    ],
)
def test_a_wait_for_an_expression_is_found(source: str) -> None:
    assert rules.waits_for_expressions(source) == ["1: waits for what is no function"]


@pytest.mark.parametrize(
    "source",
    [
        "page.wait_for_function('() => window.isReady')",
        "page.wait_for_function(f'([name, {{at}}]) => {name} > 1', arg=1)",
        "page.wait_for_function(expression='async one => one.isReady')",
        "page.wait_for_function(READY); READY = '(one) => one.isReady' + MORE",
        "page.evaluate('window.isReady')",
    ],
)
def test_a_wait_for_a_function_is_no_offence(source: str) -> None:
    assert rules.waits_for_expressions(source) == []


def test_a_send_to_the_channel_layer_is_found() -> None:
    assert rules.channel_sends("await self.channel_layer.group_send('run.1', {})") == ["1: group_send"]


def test_joining_a_group_is_no_send() -> None:
    assert rules.channel_sends("await self.channel_layer.group_add('run.1', name)") == []


@pytest.mark.parametrize(
    "source",
    ["from asgiref.sync import sync_to_async", "from channels.db import database_sync_to_async"],
)
def test_a_second_door_to_the_orm_is_found(source: str) -> None:
    assert len(rules.async_doors(source)) == 1


def test_a_long_file_is_found() -> None:
    assert rules.too_long("pass\n" * 401) == ["401 lines, more than 400: split it by idea"]


@pytest.mark.parametrize(
    ("selector", "offence"),
    [
        (".run-table th:has(> .labels) > div:first-child {", ":has(> .labels) > div:first-child"),
        (".status:has(> .why) > b, .why > i {", ":has(> .why) > b"),
        ("body:has(.bulk:not([hidden])) .toasts {", "body:has("),
    ],
)
def test_a_has_selector_that_restyles_all_rows_is_found(selector: str, offence: str) -> None:
    assert rules.wide_has(selector) == [f"1: {offence}"]


@pytest.mark.parametrize(
    "selector",
    [
        ".run-table th:has(> .labels) > .run-line {",
        ".status > b:has(~ .why), .why > i {",
        "body:has(> .insecure) {",
        ".row:has(> .status > .why) > div.status {",
    ],
)
def test_a_has_selector_with_a_narrow_subject_is_no_offence(selector: str) -> None:
    assert rules.wide_has(selector) == []
