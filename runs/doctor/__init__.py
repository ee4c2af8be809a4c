"""Checks of the invariants of the database, for `flyteui doctor` and for tests. Repairs nothing."""
