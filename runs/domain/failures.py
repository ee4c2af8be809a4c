"""How an attempt failed, as Flyte describes it: the one shape in which an error travels through all rooms.

Short, because executors and the server share it and nothing else of the domain that describes an ending.
"""

from __future__ import annotations

import msgspec


class Failure(msgspec.Struct, array_like=True, frozen=True):
    """An error of an attempt.

    code: the name of the exception's class, or Flyte's code; kind: user | system | unknown; recoverable: whether a
    retry may help (flyteidl2 ErrorDocument, ContainerError.Kind).
    """

    code: str
    message: str
    kind: str = "user"
    recoverable: bool = False
