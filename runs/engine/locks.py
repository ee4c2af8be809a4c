"""Locks of the whole installation: rows that expire, so that the death of a holder frees them.

Clocks of machines that share a database may differ by less than the time for which a lock is held. If they differ more, two
processes may hold a lock for a moment, which costs work and harms nothing.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q

from runs.models import Lock
from runs.store.clock import wall_time


def take(name: str, holder: str, *, seconds: float) -> bool:
    """Take the lock, or renew it; False while another one holds it. One statement for who holds it."""
    now = wall_time()
    until = now + timedelta(seconds=seconds)
    free_or_mine = Q(holder=holder) | Q(expires_at__lte=now)
    # Compare and set: of two who find it expired, the second finds the first one's row.
    if Lock.objects.filter(free_or_mine, name=name).update(holder=holder, expires_at=until):
        return True
    return Lock.objects.get_or_create(name=name, defaults={"holder": holder, "expires_at": until})[1]


def hold(name: str, holder: str, *, seconds: float) -> None:
    """Hold the lock whoever held it before."""
    until = wall_time() + timedelta(seconds=seconds)
    Lock.objects.update_or_create(name=name, defaults={"holder": holder, "expires_at": until})


def release(name: str, holder: str) -> None:
    """Give the lock back, if it is this holder's still."""
    Lock.objects.filter(name=name, holder=holder).delete()


def held(prefix: str) -> set[str]:
    """What follows this prefix in the names of locks that somebody holds. One statement."""
    names = Lock.objects.filter(name__startswith=prefix, expires_at__gt=wall_time())
    return {name.removeprefix(prefix) for name in names.values_list("name", flat=True)}


def release_all() -> None:
    """The server starts, so nobody holds anything yet."""
    Lock.objects.all().delete()
