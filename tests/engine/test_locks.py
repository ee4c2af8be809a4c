"""Locks of the installation: one holder at a time, until it gives the lock back or stops renewing it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from runs.engine import locks
from runs.models import Lock
from tests.support.racing import race

pytestmark = pytest.mark.django_db


def take(holder: str) -> bool:
    return locks.take("sweep", holder, seconds=60)


def expire() -> None:
    """As if its holder had been dead for longer than it may be silent."""
    Lock.objects.update(expires_at=timezone.now() - timedelta(seconds=1))


def test_a_lock_has_one_holder_who_may_renew_it():
    assert [take("a"), take("b"), take("a")] == [True, False, True]


def test_the_lock_of_a_dead_holder_is_taken_over_and_its_release_comes_too_late():
    take("a")
    expire()

    assert take("b")
    locks.release("sweep", "a")
    assert not take("a")


def test_a_lock_that_was_given_back_is_free():
    take("a")
    locks.release("sweep", "a")

    assert take("b")


def test_a_renewal_is_one_statement(django_assert_num_queries):
    take("a")

    with django_assert_num_queries(1):
        take("a")


def test_only_what_has_not_expired_is_held():
    locks.hold("worker:one", "x", seconds=60)
    expire()
    locks.hold("worker:two", "x", seconds=60)
    locks.hold("other:three", "x", seconds=60)

    assert locks.held("worker:") == {"two"}


@pytest.mark.django_db(transaction=True)
def test_of_many_who_take_a_free_lock_at_once_one_has_it():
    for prepare in (lambda: None, expire):
        prepare()
        taken = race(*[lambda holder=str(number): take(holder) for number in range(4)])
        assert sorted(map(str, taken)) == ["False", "False", "False", "True"]
