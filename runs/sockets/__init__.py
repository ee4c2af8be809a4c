"""WebSocket adapters: pages.py for browsers, executors.py for executors and workers."""
