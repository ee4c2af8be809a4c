"""Reads about tasks: their code."""
