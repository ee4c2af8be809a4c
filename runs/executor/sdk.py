"""The door to the `flyte` SDK's private modules: no other file imports them.

Written against flyte 2.12. Each name has a contract test in `tests/executor/test_sdk_contract.py`, which says what breaks
when it changes. What is done with them stands in controller.py, tasks.py, failures.py and isolated_controller.py.
"""

from __future__ import annotations

from flyte._bin import runtime as entry_point
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
from flyte._task import AsyncFunctionTaskTemplate, TaskTemplate
from flyte._utils import adjust_sys_path, asyncify, entry_points
from flyte.remote._client import controlplane
from flyte.remote._client.auth import _session as auth_session
from flyte.remote._client.auth._interceptors import retry

# Modules that the SDK's entry point imports when an action starts.
IMPORTED_BY_AN_ACTION = (_client, asyncify, controlplane, default, entrypoints, retry)

__all__ = [
    "IMPORTED_BY_AN_ACTION", "Action", "AsyncFunctionTaskTemplate", "ControllerState", "ImageCache", "RemoteController",
    "TaskTemplate", "adjust_sys_path", "asyncify", "auth_session", "contextual_run", "controller_module", "convert",
    "entry_point", "entry_points", "entrypoints", "flyte_logger", "init", "internal_ctx", "io", "rusty", "taskrunner",
    "translate_task_to_wire", "user_logger",
]  # fmt: skip
