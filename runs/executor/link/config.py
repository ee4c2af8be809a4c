"""The configuration with which a worker starts an executor.

One line of JSON on the executor's stdin, so that the token stands in no argument and in no environment variable.
"""

from __future__ import annotations

import msgspec


class ExecutorConfig(msgspec.Struct, frozen=True):
    """Written by the worker, read by the executor, both of the same version."""

    url: str  # the server's /ws/executor/
    endpoint: str  # where clients of the SDK reach the server
    token: str
    executor: str
    pool: str
    bundle_uri: str
    home: str  # the folder that holds bundles and locks
    capacity: int  # attempts at a time
    processes: int  # of isolated attempts, at a time
    idle_seconds: float  # until the server sends its own
    env: dict[str, str] = {}  # the user's variables
    is_reserve: bool = False  # it is for a run to come
    storage_url: str = ""  # of the server; "" where nobody has said it
    environment: str = ""  # the folder of the Python environment in which it runs; "" for the worker's own
    entry_point: str = (
        ""  # why the flyte of that environment runs its actions by itself; "": this process runs in it
    )
    tls_cert: str = ""  # the file by which the server is known at `url`; "": by its name, as usual


def authorization(token: str) -> dict[str, str]:
    """The header by which an executor or a worker is known before it sends a frame."""
    return {"Authorization": f"Bearer {token}"}


encode_config = msgspec.json.Encoder().encode
decode_config = msgspec.json.Decoder(ExecutorConfig).decode
