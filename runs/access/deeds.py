"""What the audit tells of, and how it ended. Short, because the table of the gate and the audit both need these words."""

from __future__ import annotations

from enum import StrEnum


class Deed(StrEnum):
    """What is audited. The value is stored and shown."""

    ABORT = "abort"
    FORCE = "force"
    SIGNAL = "signal"
    SHARE = "share again"
    SUBMIT = "submit"
    DEPLOY = "deploy"
    DRAIN = "drain"
    DELETE = "delete"
    PROJECT = "change project"
    CREATE_SECRET = "create secret"  # noqa: S105 words, as the next two
    REPLACE_SECRET = "replace secret"  # noqa: S105
    DELETE_SECRET = "delete secret"  # noqa: S105
    MEMBER = "change member"
    KEY = "change key"
    ADMINISTER = "change a row"
    SIGN_IN = "sign in"
    SIGN_OUT = "sign out"


class Outcome(StrEnum):
    """REFUSED: the role is missing. FAILED: it was allowed, but could not be done; or nobody was verified."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
