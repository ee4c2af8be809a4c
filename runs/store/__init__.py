"""The way to everything outside of this process: database, files, hints, measures."""
