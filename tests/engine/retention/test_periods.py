"""How settings say how long something is kept."""

from __future__ import annotations

from datetime import timedelta

import pytest

from runs.domain.errors import Invalid
from runs.engine.retention.periods import FOR_EVER, read_retention, read_span, show_span


def test_nothing_means_for_ever():
    assert read_retention("FLYTEUI_KEEP_RUNS", "") == FOR_EVER
    assert FOR_EVER.is_for_ever
    assert FOR_EVER.of("flytesnacks") is None


def test_a_project_may_have_its_own_time():
    kept = read_retention("FLYTEUI_KEEP_RUNS", "30d, flytesnacks=12h,archive=")

    assert kept.of("anything") == timedelta(days=30)
    assert kept.of("flytesnacks") == timedelta(hours=12)
    assert kept.of("archive") is None
    assert not kept.is_for_ever


def test_projects_alone_may_have_a_time():
    kept = read_retention("FLYTEUI_KEEP_RUNS", "flytesnacks=8w")

    assert kept.of("flytesnacks") == timedelta(weeks=8)
    assert kept.of("anything") is None
    assert not kept.is_for_ever


@pytest.mark.parametrize(
    "text", ["30", "d", "0d", "-1d", "1.5d", "30d,7d", "flytesnacks=soon", "9999999d", "30 days"]
)
def test_what_is_no_time_is_refused_with_the_name_of_the_setting(text: str):
    with pytest.raises(Invalid, match="FLYTEUI_KEEP_RUNS: "):
        read_retention("FLYTEUI_KEEP_RUNS", text)


@pytest.mark.parametrize("text", ["30d", "12h", "90m"])
def test_a_time_is_shown_as_it_is_written(text: str):
    assert show_span(read_span("X", text)) == text
