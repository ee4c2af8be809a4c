"""The tables of django-oauth-toolkit, as it has them now, in one step.

Its own history has 22, which rebuild tables that nobody of ours has ever had; on SQLite that takes longer than all of our own.
After an upgrade of the library `manage.py makemigrations oauth2_provider` writes the next step here; a test says when.
"""
