"""Attempts as asyncio tasks on the loop of user code: their start, their cancellation, and what refuses to stop."""
