"""Reads about aborts: the story of one, and what another would stop."""
