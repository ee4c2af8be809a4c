"""The worker: starts executor processes at the server's request and reports their exits."""
