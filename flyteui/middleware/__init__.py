"""ASGI and Django middleware: what each request and each answer goes through before and behind the application."""
