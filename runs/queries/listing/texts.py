"""Which runs have a word: in name, labels, creator or task, or in the inputs or the error of any of their actions.

Looked up in memory, because an index of all that would be written with each action, and a scan takes too long for a list that
is read after each hint. None of it changes once it is there, so only what is new is read again. Of runs older than the newest
so many the database is asked, for what they have themselves (`matching.py`).
"""

from __future__ import annotations

import json
import threading
import time
from abc import ABC, abstractmethod
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from runs.domain.names import ROOT
from runs.domain.phases import Phase
from runs.models import Action, Run

MAX_ROWS = 400_000  # runs, and actions, of which texts are kept
MAX_FAILURES = 20_000
MAX_BYTES = 64 * 1024**2  # of each kind of text
HALF_ERROR = 2_000  # characters of its beginning, and of its end
KEPT_WORDS = 32
KEPT_TIMES = 20  # as counts are (counts.py)
# A row may be committed later than one with a higher id, by another web process. After so long none is to come.
SETTLED = timedelta(seconds=10)
_FAILED = (Phase.FAILED, Phase.TIMED_OUT)
_CHUNK = 900


class Texts:
    """Texts of runs, one behind the other, in which a word is found by one pass over the memory."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._starts = array("Q")
        self._runs = array("q")
        self._found: dict[bytes, tuple[int, frozenset[int]]] = {}
        self.oldest = 0  # of older runs there may be texts that were left out

    def __len__(self) -> int:
        return len(self._text)

    def add(self, run_id: int, text: str) -> None:
        """Texts of one run that come together share one entry."""
        if not self._runs or self._runs[-1] != run_id:
            self._starts.append(len(self._text))
            self._runs.append(run_id)
        self._text += text.casefold().encode()
        self._text += b"\n"

    def find(self, word: str) -> frozenset[int]:
        """The runs that have this word, in any case."""
        wanted = word.casefold().encode()
        length, found = self._found.get(wanted, (-1, frozenset()))
        if length != len(self._text):
            if len(self._found) >= KEPT_WORDS:
                self._found.clear()
            found = frozenset(self._search(wanted))
            self._found[wanted] = len(self._text), found
        return found

    def _search(self, wanted: bytes) -> set[int]:
        found: set[int] = set()
        at = self._text.find(wanted)
        while at >= 0:
            entry = bisect_right(self._starts, at) - 1
            found.add(self._runs[entry])
            if entry + 1 == len(self._starts):
                break
            at = self._text.find(wanted, self._starts[entry + 1])
        return found

    def cut(self) -> None:
        """Leave out the older half."""
        half = len(self._starts) // 2
        at = self._starts[half]
        self.oldest = max(self.oldest, max(self._runs[: half + 1]) + 1)
        del self._text[:at]
        self._starts = array("Q", (start - at for start in self._starts[half:]))
        self._runs = self._runs[half:]
        self._found.clear()


class _Source(ABC):
    """Texts that are read from the database as they come up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.texts = Texts()

    def find(self, words: Sequence[str]) -> tuple[list[frozenset[int]], int]:
        """The runs that have each word, and since which run all texts are known."""
        with self._lock:
            fresh = self.refresh()
            while len(self.texts) > MAX_BYTES:
                self.texts.cut()
            return [self.texts.find(word) | fresh.find(word) for word in words], self.texts.oldest

    def clear(self) -> None:
        self.texts = Texts()

    @abstractmethod
    def refresh(self) -> Texts:
        """Read what is new. What is returned is read again next time: its order may change still."""


class _ByID(_Source):
    """Of rows that are made once. One statement, three at first."""

    _upto: int | None = None

    def clear(self) -> None:
        super().clear()
        self._upto = None

    @abstractmethod
    def rows(self) -> QuerySet[Any]:
        """Those that have a text."""

    @abstractmethod
    def read(self, row: tuple[Any, ...]) -> tuple[int, int, datetime, str]:
        """Id, run, when it was made, and its text."""

    def newest_run(self, upto: int) -> int:
        """The newest run of which a row up to this id is. One statement at most."""
        return upto

    def refresh(self) -> Texts:
        rows = self.rows()
        if self._upto is None:
            self._upto = max(0, (rows.aggregate(last=Max("pk"))["last"] or 0) - MAX_ROWS)
            self.texts.oldest = self.newest_run(self._upto) + 1 if self._upto else 0
        fresh, settled_before, is_settled = Texts(), timezone.now() - SETTLED, True
        for row in rows.filter(pk__gt=self._upto).order_by("pk").iterator(chunk_size=5000):
            pk, run_id, created_at, text = self.read(row)
            is_settled = is_settled and created_at < settled_before
            (self.texts if is_settled else fresh).add(run_id, text)
            if is_settled:
                self._upto = pk
        return fresh


class _Runs(_ByID):
    """Names, creators and labels."""

    def rows(self) -> QuerySet[Any]:
        return Run.objects.values_list("pk", "created_at", "name", "created_by", "labels")

    def read(self, row: tuple[Any, ...]) -> tuple[int, int, datetime, str]:
        pk, created_at, name, created_by, labels = row
        return pk, pk, created_at, f"{name} {created_by} {json.dumps(labels, ensure_ascii=False)}"


class _Inputs(_ByID):
    """Inputs of actions, and of roots the names of their tasks."""

    def rows(self) -> QuerySet[Any]:
        columns = ("pk", "run_id", "created_at", "name", "task_name", "short_name", "input_digest")
        return Action.objects.filter(~Q(input_digest="") | Q(name=ROOT)).values_list(*columns)

    def read(self, row: tuple[Any, ...]) -> tuple[int, int, datetime, str]:
        pk, run_id, created_at, name, task, short, digest = row
        return pk, run_id, created_at, f"{task} {short} {digest}" if name == ROOT else digest

    def newest_run(self, upto: int) -> int:
        runs = Action.objects.filter(pk__lte=upto).order_by("-run_id").values_list("run_id", flat=True)
        return runs.first() or 0


class _Errors(_Source):
    """Of what has failed, read again after so many times as long as that takes. One statement, and one for each few hundred that are new."""

    def __init__(self) -> None:
        super().__init__()
        self._known: set[int] = set()
        self._until = 0.0

    def clear(self) -> None:
        super().clear()
        self._known, self._until = set(), 0.0

    def refresh(self) -> Texts:
        began = time.monotonic()
        if began >= self._until:
            self._read()
            self._until = began + (time.monotonic() - began) * (1 + KEPT_TIMES)
        return Texts()

    def _read(self) -> None:
        failed = Action.objects.filter(phase__in=_FAILED).order_by("-run", "-ended_at", "-pk")
        ids = dict(failed.values_list("pk", "run_id")[:MAX_FAILURES])
        if len(self._known) > 2 * MAX_FAILURES:
            self.clear()
        if len(ids) == MAX_FAILURES:
            self.texts.oldest = max(self.texts.oldest, min(ids.values()) + 1)
        new = iter(sorted(ids.keys() - self._known))
        while chunk := list(islice(new, _CHUNK)):
            rows = Action.objects.filter(pk__in=chunk).order_by("pk")
            for run_id, code, message in rows.values_list("run_id", "error_code", "error_message"):
                self.texts.add(run_id, f"{code} {_shortened(message)}")
            self._known.update(chunk)


def _shortened(message: str) -> str:
    if len(message) <= 2 * HALF_ERROR:
        return message
    return f"{message[:HALF_ERROR]} {message[-HALF_ERROR:]}"


SOURCES: tuple[_Source, ...] = (_Runs(), _Inputs(), _Errors())


def find_runs(words: Sequence[str]) -> tuple[list[int], int]:
    """The ids of the runs that have all of these words, and since which run that is all of them; before it, ask the database."""
    found = [source.find(words) for source in SOURCES]
    each = [frozenset().union(*(of_words[at] for of_words, _ in found)) for at in range(len(words))]
    oldest = max(since for _, since in found)
    return sorted(run for run in frozenset.intersection(*each) if run >= oldest), oldest
