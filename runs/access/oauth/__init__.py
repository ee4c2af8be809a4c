"""Ours as an OAuth 2.0 provider, with django-oauth-toolkit: its clients, API keys, and the tokens that they get."""
