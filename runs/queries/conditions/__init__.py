"""What waits for somebody, in all runs, and what there is to look at before it is answered."""
