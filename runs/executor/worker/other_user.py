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

from runs.executor.environments import start

CAPABILITIES = "CAP_SETUID, CAP_SETGID, CAP_KILL, CAP_CHOWN, CAP_FOWNER and CAP_DAC_OVERRIDE"
FOLDERS = Path("/var/tmp")  # noqa: S108 -- of each user one folder, which nobody else may enter


class CannotBecome(Exception):
    """The worker cannot start processes as this user; the message says why."""


@dataclass(frozen=True, slots=True)
class OtherUser:
    """Who executors run as. folder: for bundles, records, working folders and environments, in place of the server's home."""

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
        home = self.home if Path(self.home).is_dir() else str(self.folder)  # uv wants one, and much else
        return {"HOME": home, "USER": self.name}


def find_user(name: str) -> OtherUser:
    """Raises CannotBecome when there is no such user."""
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        raise CannotBecome(f"there is no user {name!r} on this machine") from None
    return OtherUser(name, found.pw_uid, found.pw_gid, found.pw_dir, FOLDERS / f"flyteui-{name}")


def check_start(user: OtherUser, program: str = sys.executable) -> None:
    """Start Python as this user once, and read our code, or raise CannotBecome with what is missing."""
    reads = "import sys; open(sys.argv[1])"
    try:
        subprocess.run(
            [program, "-c", reads, start.__file__], check=True, cwd="/", capture_output=True, **user.process_options
        )  # fmt: skip
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


def environments_of(user: OtherUser, configured: Path, home: Path) -> Path:
    """Where the user's executors build and find environments: in their folder, unless a place outside of the server's home is
    configured, which nobody else may enter. Raises CannotBecome when they may not write there.
    """
    if configured.is_relative_to(home):
        return user.folder / configured.relative_to(home)
    missing = [folder for folder in (configured, *configured.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir()
        folder.chmod(0o755)  # our umask leaves others nothing
        os.chown(folder, user.uid, user.gid)
    done = subprocess.run(
        ["/bin/sh", "-c", 'test -w "$0" && test -x "$0"', str(configured)], check=False, cwd="/", **user.process_options
    )  # fmt: skip
    if done.returncode:
        raise CannotBecome(
            f"{user.name!r} cannot write in {configured} (FLYTEUI_ENVIRONMENTS), where they build images: give it to them, or name none, "
            f"and environments are in {user.folder}"
        )
    return configured


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
