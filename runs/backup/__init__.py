"""Backups: the database and the storage in one archive, and copies of a SQLite database that is about to be migrated.

It reads and writes whole databases, and no single row of them but addresses of files that have moved (moving.py).
"""
