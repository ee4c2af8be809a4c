"""Runs and their actions: what is asked, what runs, what stopped, and who is told."""
