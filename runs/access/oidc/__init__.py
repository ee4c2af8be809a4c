"""Somebody else's OpenID Connect provider: its tokens, its accounts as users, and the roles of its groups."""
