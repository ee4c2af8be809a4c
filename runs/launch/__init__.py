"""From what somebody wants to a run to create: the API, a page and the command line start runs through here. Refuses to write rows."""
