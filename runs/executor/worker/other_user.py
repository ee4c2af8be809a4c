"""Executors as another user of the system (`flyteui worker --user NAME`), so that user code cannot read what the server can.

Becoming somebody else takes root, or CAPABILITIES: to start and to end their processes, and to read and clear up what those leave.
"""

from __future__ import annotations

import errno
import os
import pwd
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CAPABILITIES = "CAP_SETUID, CAP_SETGID, CAP_KILL, CAP_CHOWN, CAP_FOWNER and CAP_DAC_OVERRIDE"
FOLDERS = Path("/var/tmp")  # noqa: S108 -- of each user one folder, which nobody else may enter


class CannotBecome(Exception):
    """The worker cannot start processes as this user; the message says why."""


@dataclass(frozen=True, slots=True)
class OtherUser:
    """Who executors run as. folder: for bundles, records and working folders, in place of the server's home."""

    name: str
    uid: int
    gid: int
    home: str
    folder: Path

    @property
    def process_options(self) -> dict[str, Any]:
        """Of subprocess.Popen. Groups are those of the user, not the worker's."""
        return {"user": self.uid, "group": self.gid, "extra_groups": os.getgrouplist(self.name, self.gid)}

    @property
    def variables(self) -> dict[str, str]:
        return {"HOME": self.home, "USER": self.name}


def find_user(name: str) -> OtherUser:
    """Raises CannotBecome when there is no such user."""
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        raise CannotBecome(f"there is no user {name!r} on this machine") from None
    return OtherUser(name, found.pw_uid, found.pw_gid, found.pw_dir, FOLDERS / f"flyteui-{name}")


def check_start(user: OtherUser, program: str = sys.executable) -> None:
    """Start Python as this user once, or raise CannotBecome with what is missing."""
    try:
        subprocess.run([program, "-c", ""], check=True, cwd="/", capture_output=True, **user.process_options)
    except OSError as error:
        if error.errno == errno.EPERM:
            raise CannotBecome(
                f"this process may not become {user.name!r}: start the worker as root, or give it {CAPABILITIES}"
            ) from error
        raise CannotBecome(
            f"{user.name!r} cannot run {program} ({error.strerror}): let them read the folder of this installation and that of its Python"
        ) from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace")[-300:].strip()
        raise CannotBecome(f"{program} does not start as {user.name!r}: {said}") from error


def make_folder(user: OtherUser) -> Path:
    """The folder of the user's executors: theirs alone. Raises CannotBecome when somebody else has made it."""
    user.folder.mkdir(mode=0o700, exist_ok=True)
    if user.folder.is_symlink() or user.folder.stat().st_uid not in {user.uid, os.geteuid()}:
        raise CannotBecome(f"{user.folder} belongs to somebody else; remove it")
    try:
        os.chown(user.folder, user.uid, user.gid)
        user.folder.chmod(0o700)
    except PermissionError as error:
        raise CannotBecome(
            f"this process may not give {user.folder} to {user.name!r}: start the worker as root, or give it {CAPABILITIES}"
        ) from error
    return user.folder
