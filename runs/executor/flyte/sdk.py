"""The only file that imports private modules of the `flyte` SDK.

Written against flyte 2.12. Each name has a contract test in `tests/executor/flyte/test_sdk_contract.py` that explains what breaks
when it changes. Its users are controller.py, tasks.py, failures.py, child_controller.py, bundling.py and stored.py.
"""

from __future__ import annotations

from flyte import _code_bundle as code_bundles
from flyte import _deploy
from flyte import _initialize as initialize
from flyte._bin import runtime as entry_point
from flyte._code_bundle import _includes
from flyte._context import contextual_run, internal_ctx
from flyte._initialize import init
from flyte._internal.controllers import _ControllerState as ControllerState
from flyte._internal.controllers.remote import _client
from flyte._internal.controllers.remote import _controller as controller_module
from flyte._internal.controllers.remote._action import Action
from flyte._internal.controllers.remote._controller import RemoteController
from flyte._internal.image_cache import ImageCache
from flyte._internal.resolvers import default
from flyte._internal.runtime import convert, entrypoints, io, rusty, taskrunner
from flyte._internal.runtime.task_serde import translate_task_to_wire
from flyte._logging import logger as flyte_logger
from flyte._logging import user_logger
from flyte._persistence import _db
from flyte._task import AsyncFunctionTaskTemplate, TaskTemplate
from flyte._utils import adjust_sys_path, asyncify, entry_points
from flyte.remote import _data, _run, _task, _trigger
from flyte.remote._client import controlplane
from flyte.remote._client.auth import _session as auth_session
from flyte.remote._client.auth._interceptors import default_metadata, retry
from flyte.report._report import Report

# The variable with which the SDK's loggers write plain lines.
PLAIN_LOGS = "DISABLE_RICH_LOGGING"
# Modules that ask for the current folder in an action's context, and mean that of the bundle.
ASKING_FOR_BUNDLE = frozenset({controller_module.__name__})
# Modules that the SDK's entry point imports when an action starts.
IMPORTED_BY_AN_ACTION = (_client, asyncify, controlplane, default, default_metadata, entrypoints, retry)
# And those that it imports when an action starts a run.
IMPORTED_BY_A_NESTED_RUN = (_data, _db, _deploy, _includes, _run, _task, _trigger)

__all__ = [
    "ASKING_FOR_BUNDLE",
    "IMPORTED_BY_AN_ACTION",
    "IMPORTED_BY_A_NESTED_RUN",
    "PLAIN_LOGS",
    "Action",
    "AsyncFunctionTaskTemplate",
    "ControllerState",
    "ImageCache",
    "RemoteController",
    "Report",
    "TaskTemplate",
    "adjust_sys_path",
    "asyncify",
    "auth_session",
    "code_bundles",
    "contextual_run",
    "controller_module",
    "convert",
    "default_metadata",
    "entry_point",
    "entry_points",
    "entrypoints",
    "flyte_logger",
    "init",
    "initialize",
    "internal_ctx",
    "io",
    "rusty",
    "taskrunner",
    "translate_task_to_wire",
    "user_logger",
]  # fmt: skip
