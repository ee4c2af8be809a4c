"""Reads and writes the error file of an attempt: what the SDK left in storage, or an exception that it did not record."""

from __future__ import annotations

import sys
import traceback

import flyte.errors
import flyte.storage
from flyteidl2.core import execution_pb2

from runs.domain.failures import Failure
from runs.domain.texts import clean
from runs.executor.attempt.stacks import traceback_of
from runs.executor.environments.missing import advise
from runs.executor.flyte.messages import KIND_NAMES, execution_error
from runs.executor.flyte.sdk import convert, io

NO_OUTPUTS = "OutputsNotFound"


def error_of(problem: BaseException) -> convert.Error:
    """Convert as the SDK does, also messages that protobuf cannot hold (lone surrogates); of a missing module with what to do."""
    error = _converted(problem)
    if advice := advise(problem):
        error.err.message = f"{error.err.message}\n{advice}"
    return error


def _converted(problem: BaseException) -> convert.Error:
    try:
        return convert.convert_from_native_to_error(problem)
    except UnicodeEncodeError:
        code = getattr(problem, "code", type(problem).__name__)
        error = convert.convert_from_native_to_error(flyte.errors.CustomError(str(code), clean(str(problem))))
        error.recoverable = not isinstance(problem, flyte.errors.NonRecoverableError)
        return error


async def read_failure(output_uri: str) -> Failure | None:
    """Read the error that the attempt left in storage; None when it left outputs."""
    try:
        document = b"".join([chunk async for chunk in flyte.storage.get_stream(io.error_path(output_uri))])
    except FileNotFoundError:
        if await flyte.storage.exists(io.outputs_path(output_uri)):
            return None
        return Failure(
            NO_OUTPUTS, f"The task left neither outputs nor an error in {output_uri}.", "system", True
        )
    try:
        error = execution_pb2.ErrorDocument.FromString(document).error
    except Exception as problem:
        return Failure(
            "ErrorFileBadFormat", f"{io.error_path(output_uri)} cannot be read: {problem}", "system", True
        )
    recoverable = error.kind == execution_pb2.ContainerError.RECOVERABLE
    return Failure(error.code, error.message, KIND_NAMES.get(error.origin, "unknown"), recoverable)


async def store_failure(failure: Failure, output_uri: str) -> Failure:
    """Write the error file for a failure that is no exception, and return it."""
    await _store(execution_error(failure), output_uri, recoverable=failure.recoverable)
    return failure


async def record_failure(
    problem: BaseException,
    output_uri: str,
    *,
    code: str = "",
    recoverable: bool | None = None,
    with_traceback: bool = False,
) -> Failure:
    """Write the error file for an exception that the SDK did not record, and return it as a Failure."""
    error = error_of(problem)
    if code:
        error.err.code = code
    if with_traceback:
        error.err.message = clean(traceback_of(problem))
    if not isinstance(problem, flyte.errors.BaseRuntimeError):
        error.err.kind = execution_pb2.ExecutionError.USER
    if recoverable is None:
        recoverable = error.recoverable
    await _store(error.err, output_uri, recoverable=recoverable)
    return Failure(error.err.code, error.err.message, KIND_NAMES[error.err.kind], recoverable)


async def _store(error: execution_pb2.ExecutionError, output_uri: str, *, recoverable: bool) -> None:
    try:
        await io.upload_error(error, output_uri, recoverable=recoverable)
    except Exception:  # storage is down: the server gets the failure anyway
        traceback.print_exc(file=sys.stderr)
