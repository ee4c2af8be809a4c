"""What is deleted, and when: runs whose time is over or that somebody deletes, their files, logs, caches, and what nothing uses.

In small transactions, never a run that has not ended, never a file that something still uses.
"""
