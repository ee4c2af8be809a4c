"""The Connect API: a module for each Flyte service, and the adapters that all of them use (asgi, errors, identity, watch, wire)."""
