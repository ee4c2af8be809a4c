"""A run that starts a run: what the SDK does slowly for it holds up nobody."""

from __future__ import annotations

from runs.domain.phases import Phase
from tests.support.server.server import Server


def test_other_calls_of_the_sdk_are_answered_while_code_is_packed(server: Server):
    run = server.submit("--env", "FLYTEUI_ISOLATE=never", "tests/workflows/nested.py", "outer")
    server.wait_all_ended(run)

    assert server.phase(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    said = server.output(run)
    assert "packs after an answer" in said, "and what is printed there is the action's"
    assert "was ended with it" not in said, "the SDK's thread is nothing that the action has left behind"
