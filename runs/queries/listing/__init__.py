"""Which runs a list shows, and how many there are."""
