"""Which failures of a run are causes, and which only pass one on."""
