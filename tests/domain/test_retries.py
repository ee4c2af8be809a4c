"""The table of endings, over all combinations of what it reads."""

from __future__ import annotations

from itertools import product

import pytest

from runs.domain import limits
from runs.domain.failures import Failure
from runs.domain.retries import (
    ABORTED_CHILD,
    MAX_SYSTEM_FAILURES,
    TOO_MANY,
    Ending,
    How,
    Standing,
    Stop,
    Verdict,
    decide,
    error_of,
)

FAILURES = [
    None,
    Failure("ValueError", "no"),
    Failure("ValueError", "no", recoverable=True),
    Failure(ABORTED_CHILD, "a child was aborted", recoverable=True),
]
COMBINATIONS = list(product(How, FAILURES, Stop, [1, 2], [0, MAX_SYSTEM_FAILURES - 1, MAX_SYSTEM_FAILURES]))


def expected(how: How, failure: Failure | None, stop: Stop, *, is_last: bool, lost_before: int) -> Verdict:
    """The same, as the documents say it: what stops an attempt first, then retries, then what it came to."""
    if stop in {Stop.ABORT, Stop.DEADLINE}:
        return {Stop.ABORT: Verdict.ABORT, Stop.DEADLINE: Verdict.TIME_OUT}[stop]
    may_help = how is How.FAILED and failure == Failure("ValueError", "no", recoverable=True)
    if (stop is Stop.LIMIT or may_help) and not is_last:
        return Verdict.RETRY
    if stop is Stop.LIMIT or how is How.EXPIRED:
        return Verdict.TIME_OUT
    if how in {How.INTERRUPTED, How.INNOCENT} or (
        how in {How.LOST, How.UNSTARTED} and lost_before < MAX_SYSTEM_FAILURES
    ):
        return Verdict.REQUEUE
    return Verdict.SUCCEED if how is How.SUCCEEDED else Verdict.FAIL


@pytest.mark.parametrize(("how", "failure", "stop", "attempt", "lost_before"), COMBINATIONS)
def test_every_ending_has_the_verdict_of_the_documents(how, failure, stop, attempt, lost_before):
    ending, standing = Ending(how, failure), Standing(stop, attempt, 2, lost_before)

    verdict = decide(ending, standing)

    assert verdict is expected(how, failure, stop, is_last=attempt == 2, lost_before=lost_before)
    if standing.is_final:
        assert verdict in {Verdict.ABORT, Verdict.TIME_OUT}
    if verdict is Verdict.FAIL:
        assert error_of(ending, standing).message


def test_an_action_that_failed_has_the_error_of_what_ended_it():
    standing = Standing(Stop.NOTHING, 1, 1, MAX_SYSTEM_FAILURES)
    mine = Failure("ValueError", "no")

    lost = error_of(Ending(How.LOST, mine, reason="it was killed"), standing)

    assert (lost.code, lost.kind) == (TOO_MANY, "system")
    assert lost.message == "lost 4 times in a row, the last time because it was killed"
    assert error_of(Ending(How.FAILED, mine), standing) == mine
    assert error_of(Ending(How.CANCELLED), standing).code == "CancelledError"
    assert error_of(Ending(How.FAILED), standing).code == "UnknownError"


@pytest.mark.parametrize(
    ("code", "stop"),
    [
        (limits.MAX_RUNTIME, Stop.LIMIT),
        (limits.QUEUED_TIMEOUT, Stop.LIMIT),
        (limits.DEADLINE, Stop.DEADLINE),
        (limits.CONDITION_TIMEOUT, Stop.DEADLINE),
    ],
)
def test_a_limit_of_all_attempts_leaves_no_retry(code, stop):
    assert Stop.at_limit(code) is stop
    assert Standing(Stop.at_limit(code), 1, 9, 0).is_final == (stop is Stop.DEADLINE)
