"""What an executor is told when it starts: one line of JSON on its stdin, so that the token is in no argument or variable."""

from __future__ import annotations

import msgspec


class ExecutorConfig(msgspec.Struct, frozen=True):
    """url: the server's /ws/executor/. endpoint: where the SDK's clients reach the server. env: the user's variables."""

    url: str
    endpoint: str
    token: str
    executor: str
    pool: str
    bundle_uri: str
    home: str
    capacity: int
    idle_seconds: float
    env: dict[str, str] = {}


encode_config = msgspec.json.Encoder().encode
decode_config = msgspec.json.Decoder(ExecutorConfig).decode
