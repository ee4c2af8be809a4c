"""What a deletion, or the next round of retention, would delete."""
