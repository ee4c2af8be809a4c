"""The link to the server: a thread and an event loop of its own."""
