"""Forms for a task's inputs: from its interface to fields, and from what people type to literals. Pure.

A *shape* says what a value looks like; a *plain* value is what JSON has: text, numbers, booleans, None, lists, objects.
"""
