"""Keeps the values of an action's secrets out of what the SDK stores and sends for it: errors, reports, reasons of aborts.

What user code returns as an output, or writes into a file, is its own affair. All that is replaced is looked up by name, because
a flyte may be another one than ours; what a version has under another name is masked when its process has ended (`stored.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from runs.executor.attempt.attempt import CURRENT
from runs.executor.attempt.masking import Masker
from runs.executor.flyte import seam

UPLOAD_ERROR = "flyte._internal.runtime.io:upload_error"
REPORT = "flyte.report._report:Report"
CLIENT = "flyteidl2.workflow.run_service_connect:RunServiceClient"
_of_process: list[Masker] = []


def mask(text: str) -> str:
    """The text without the secrets of the action whose code runs here."""
    attempt = CURRENT.get()
    if attempt is not None:
        return attempt.mask(text)
    for masker in _of_process:
        text = masker.mask(text)
    return text


def install(values: list[bytes] | None = None) -> None:
    """Once in a process. values: the secrets of its only action, where it has but one."""
    if values:
        _of_process.append(Masker(values))
    if (upload_error := seam.find(UPLOAD_ERROR)) is not None:
        _put_everywhere(upload_error, _storing(upload_error))
    for path, name, wrap in (
        (REPORT, "get_final_report", _making),
        (CLIENT, "abort_run", _asking),
        (CLIENT, "abort_action", _asking),
    ):
        if hasattr(owner := seam.find(path), name):
            setattr(owner, name, wrap(getattr(owner, name)))


def _put_everywhere(function: Callable[..., Any], ours: Callable[..., Any]) -> None:
    """Also where the SDK has imported it by its name already."""
    for module_name, module in list(sys.modules.items()):
        if module_name.partition(".")[0] == "flyte" and vars(module).get(function.__name__) is function:
            vars(module)[function.__name__] = ours


def _storing(upload_error: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @wraps(upload_error)
    async def upload_masked(error: Any, *rest: Any, **options: Any) -> Any:
        # In place: whoever has made it sends it, too.
        error.code, error.message = mask(error.code), mask(error.message)
        return await upload_error(error, *rest, **options)

    return upload_masked


def _making(get_report: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @wraps(get_report)
    def get_masked(report: Any) -> Any:
        made = get_report(report)
        return mask(made) if isinstance(made, str) else made

    return get_masked


def _asking(abort: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @wraps(abort)
    async def abort_masked(client: Any, request: Any, **options: Any) -> Any:
        request.reason = mask(request.reason)
        return await abort(client, request, **options)

    return abort_masked
