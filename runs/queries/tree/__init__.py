"""Reads for the tree of a run beside its rows: by what they are sorted, and their groups."""
