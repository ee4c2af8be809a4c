"""Messages between a worker and its zygotes: JSON, one message a line; descriptors are sent along with it. Pure."""

from __future__ import annotations

import msgspec

from runs.executor.link.config import ExecutorConfig


class Fork(msgspec.Struct, tag="fork"):
    """Fork an executor. With it: the writing end of the pipe that it and all that it forks keep open."""

    id: int
    config: ExecutorConfig


class Preload(msgspec.Struct, tag="preload"):
    """Fork a zygote that enters this folder with these variables and imports these modules. With it: its end of a socket."""

    folder: str
    env: dict[str, str]
    modules: list[str]


class Forked(msgspec.Struct, tag="forked"):
    """The executor exists, and its process group has its number."""

    id: int
    pid: int


class Refused(msgspec.Struct, tag="refused"):
    """The system could not start a process."""

    id: int
    reason: str


class Ended(msgspec.Struct, tag="ended"):
    """The executor has ended. code: as subprocess has it, minus the number for a signal."""

    id: int
    code: int


class Ready(msgspec.Struct, tag="ready"):
    """The modules are imported, and executors can be forked."""


class Misfit(msgspec.Struct, tag="misfit"):
    """This zygote ends: the flyte of its environment runs actions by its own entry point only. reason: a clause."""

    reason: str


class Unfit(msgspec.Struct, tag="unfit"):
    """This zygote ends, because what it has imported cannot be forked."""

    reason: str


Request = Fork | Preload
Reply = Forked | Refused | Ended | Ready | Misfit | Unfit
encode = msgspec.json.encode
decode_request = msgspec.json.Decoder(Request).decode
decode_reply = msgspec.json.Decoder(Reply).decode
