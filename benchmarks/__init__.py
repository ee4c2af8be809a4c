"""Measurements with the real server, the real client and real executors."""
