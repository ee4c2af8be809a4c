"""What a task and a run declare: what of it holds here, what differs, and what there is not."""
