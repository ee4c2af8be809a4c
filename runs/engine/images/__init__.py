"""Images: their table, and the builds that we start ourselves."""
