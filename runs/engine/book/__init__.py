"""The book of a run: the only writer of phases, attempts and the event log."""
