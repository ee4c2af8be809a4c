"""Isolated actions: what asyncio cannot cancel runs in a child process of its own."""
