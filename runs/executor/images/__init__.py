"""Builds an image as a Python environment, by uv: the code of the task build-image, which only the builder's executors run.

plan.py is pure; interpreters.py finds a Python; uv.py runs uv; folder.py locks, builds beside and renames; task.py is the task.
"""
