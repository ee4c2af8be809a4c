"""Pages about tasks: their code."""
