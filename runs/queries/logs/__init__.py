"""Reads of logs: that of one action, and that of a run, in which those of all its actions are interleaved."""
