"""What is said of a task: its interface, and what its actions came to. Pure."""
