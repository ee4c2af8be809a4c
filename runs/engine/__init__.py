"""The writers: every change of a run is a function here, in one transaction."""
