"""The SDK's controller for the actions of this process.

To user code the SDK behaves as ever: what is replaced here does the same, but in process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, MutableMapping
from typing import Any, cast

import flyte.errors
from flyte.storage import join
from flyteidl2.common import phase_pb2
from flyteidl2.core import literals_pb2

from runs.domain.failures import Failure
from runs.executor.attempt.attempt import CURRENT, Attempt, Child
from runs.executor.attempt.children import Children
from runs.executor.flyte import digests, sdk
from runs.executor.flyte.aborted import ActionAbortedError
from runs.executor.flyte.failures import read_failure
from runs.executor.flyte.messages import calls_of, enqueue_message, execution_error
from runs.executor.flyte.sdk import Action, RemoteController, TaskTemplate, internal_ctx
from runs.executor.pace import pace_of


class _PerAction(MutableMapping[str, Any]):
    """A mapping whose keys belong to the action that uses it: the SDK keys conditions by their name alone."""

    def __init__(self) -> None:
        self._items: dict[tuple[Any, str], Any] = {}

    @staticmethod
    def _key(name: str) -> tuple[Any, str]:
        context = internal_ctx().data.task_context
        action = context and context.task_action
        scope = action and (action.project, action.domain, action.run_name, action.name)
        return scope, name

    def __getitem__(self, name: str) -> Any:
        return self._items[self._key(name)]

    def __setitem__(self, name: str, value: Any) -> None:
        self._items[self._key(name)] = value

    def __delitem__(self, name: str) -> None:
        del self._items[self._key(name)]

    def __iter__(self) -> Iterator[str]:
        scope = self._key("")[0]
        return iter([name for owner, name in self._items if owner == scope])

    def __len__(self) -> int:
        return sum(1 for _ in self)


class HostController(RemoteController):
    """The SDK's controller for the actions of this process: no thread, no RPC, no watch.

    `RemoteController` serialises tasks and converts values; of its base class it needs the seven methods below, and here
    they talk to `Children`. So the base class' own machinery (informers, worker pool, rate limit) never starts, and with
    it go its collisions between runs of the same name and its race between cancelling and enqueueing.
    """

    def __init__(self, children: Children) -> None:
        super().__init__(client_coro=cast("Awaitable[Any]", None))
        self._children = children
        self._pending_conditions = cast("dict[str, Action]", _PerAction())

    def _start(self) -> None:
        """Do not start the controller's thread."""

    async def submit(self, _task: TaskTemplate[Any, Any, Any], *args: Any, **kwargs: Any) -> Any:
        await pace_of(asyncio.get_running_loop()).turn()
        return await super().submit(_task, *args, **kwargs)

    async def submit_and_wait_for_action(self, action: Action) -> Action:
        failure = None
        if action.type == "trace" and action.err is not None:
            # Only the error file that the SDK has just written records whether a retry may run the function; action.err does not.
            failure = await read_failure(join(action.run_output_base or "", action.name))
        return await self._end_of(action, self._submitted(action, failure))

    async def start_action(self, action: Action) -> None:
        self._submitted(action)

    async def wait_for_action(self, action: Action) -> Action:
        return await self._end_of(action, self._submitted(action))

    async def get_action(self, action_id: Any, parent_action_name: str) -> Action | None:
        if (child := _current().children.get(action_id.name)) is None or child.update is None:
            return None
        return _merge(Action(action_id=action_id, parent_action_name=parent_action_name), child)

    async def cancel_action(self, action: Action) -> None:
        self._children.cancel(_current(), action.name)

    async def finalize_parent_action(self, action_id: Any) -> None:
        """Forget the parent's limit; its children live as long as its lease."""
        self._parent_action_semaphore.pop(sdk.controller_module.unique_action_name(action_id), None)

    async def stop(self) -> None:
        pass

    def _submitted(self, action: Action, failure: Failure | None = None) -> Child:
        parent = _current()
        message = enqueue_message(action)
        digests.add_to(message)
        data, calls = message.SerializeToString(), calls_of(action.task) if action.task else None
        return self._children.submit(
            parent,
            action.name,
            data + calls.data if calls else data,
            calls.command if calls else None,
            ends_when_accepted=action.type == "trace",
            failure=failure,
        )

    async def _end_of(self, action: Action, child: Child) -> Action:
        await self._children.wait(child)
        if child.problem is not None:
            code, message = child.problem
            raise flyte.errors.RuntimeSystemError(
                code.upper(), f"Action {action.name} was not started: {message}"
            )
        _current().children.pop(action.name, None)
        if child.update is None:
            return action
        if child.update.phase == phase_pb2.ACTION_PHASE_ABORTED and child.update.abort is not None:
            raise ActionAbortedError(action.name, child.update.abort)
        return _merge(action, child)


def _current() -> Attempt:
    attempt = CURRENT.get()
    if attempt is None:
        raise flyte.errors.RuntimeSystemError("BadContext", "This code does not run in an action's context.")
    return attempt


def _merge(action: Action, child: Child) -> Action:
    """The action as the SDK knows one that has ended."""
    update = child.update
    assert update is not None
    action.task, action.started = None, True
    action.phase = cast("phase_pb2.ActionPhase", update.phase)
    action.err = execution_error(update.failure) if update.failure else None
    action.realized_outputs_uri = update.output_uri
    action.condition_output = literals_pb2.Literal.FromString(update.value) if update.value else None
    return action
