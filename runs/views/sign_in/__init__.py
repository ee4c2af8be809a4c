"""Signing in: by a name and a password, at an identity provider; and ours as the provider of the flyte client."""
