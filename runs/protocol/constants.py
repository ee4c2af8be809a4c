"""Numbers on which both ends of a socket rely. Python imports them; the scripts read `FOR_SCRIPTS` from the page's head.

Short, because there is little that both ends must know.
"""

from __future__ import annotations

# Close codes. Daphne sends no others than 1000 and 3000 to 4999; with any other the socket stays open.
BAD_MESSAGE = 4400
SIGNED_OUT = 4401  # of a page: nobody is signed in any more
FORBIDDEN = 4403  # of a page: its reader has not the role, or not any more
NOT_FOUND = 4404
NO_HELLO = 4408  # a socket was opened, and nothing came
SUPERSEDED = 4410  # of an executor that was given up, or that has a newer connection: it must stop
FAILED = 4500
TRY_AGAIN = 4503  # the database cannot answer now; the peer keeps its events, and connects again

# After these a page connects again: all that a network or a deployment may cause, and a fault of the server.
RECONNECT_CODES = (1000, 1001, 1005, 1006, 1011, 1012, 1013, 1014, FAILED, NO_HELLO)
HEARTBEAT_FD = "FLYTEUI_HEARTBEAT_FD"  # the variable by which the web process knows its supervisor's pipe
HELLO_SECONDS = 10.0  # from the handshake to the first message
EXECUTOR_HEARTBEAT_SECONDS = (
    5.0  # after so long without an acknowledged batch, an executor sends an empty one
)
HEARTBEAT_SECONDS = 5.0  # the longest silence of a live page's socket; each frame carries it
WINDOW_ROWS = 80  # rows of a long tree in one frame; of live rows, which are the longest, they are 90 kB

FOR_SCRIPTS = {
    "reconnectCodes": RECONNECT_CODES,
    "signedOut": SIGNED_OUT,
    "forbidden": FORBIDDEN,
    "heartbeatSeconds": HEARTBEAT_SECONDS,
    "windowRows": WINDOW_ROWS,
}
