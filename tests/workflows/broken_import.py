"""Imports on the client, fails on the server."""

import os

import flyte

if os.environ.get("RUN_NAME") or "bundles" in os.getcwd():
    raise ImportError("this module imports only on the client")

env = flyte.TaskEnvironment(name="broken")


@env.task
async def main():
    print("never")
