"""Checks of the invariants of the database, for `manage.py doctor` and for tests. Repairs nothing."""
