"""The permissions of Django's admin site: all of them for an admin of all projects, none for others.

Superusers need no backend. Passwords are the affair of Django's own one.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import BaseBackend

from runs.access.sessions import subject_of_user
from runs.domain.roles import Role, has_role

KEPT = "_is_admin_of_all"  # on the user, who lives as long as a request


class AdminRole(BaseBackend):
    """Whether the membership of a user is that of an admin of all projects. Two statements for each user object."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        return self._is_admin(user_obj)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        return self._is_admin(user_obj)

    def _is_admin(self, user: Any) -> bool:
        if not user.is_authenticated or not user.is_active:
            return False
        if not hasattr(user, KEPT):
            setattr(user, KEPT, has_role(subject_of_user(user), Role.ADMIN, None))
        return bool(getattr(user, KEPT))
