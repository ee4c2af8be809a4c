"""All that depends on the `flyte` SDK's internals. Only `sdk.py` imports its private modules."""
