"""Keeps the values of an action's secrets out of what the SDK stores and sends for it: errors, reports, reasons of aborts.

What user code returns as an output, or writes into a file, is its own affair.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from flyteidl2.workflow.run_service_connect import RunServiceClient

from runs.executor.attempt.attempt import CURRENT
from runs.executor.attempt.masking import Masker
from runs.executor.flyte import sdk

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
    upload_error = _storing(sdk.io.upload_error)
    for module in (sdk.io, sdk.taskrunner):
        vars(module)["upload_error"] = upload_error
    sdk.Report.get_final_report = _making(sdk.Report.get_final_report)  # type: ignore[method-assign, assignment]
    for name in ("abort_run", "abort_action"):
        setattr(RunServiceClient, name, _asking(getattr(RunServiceClient, name)))


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
