"""Plain functions that resist, clean up, crash, or start processes. Each prints the numbers of its processes."""

import os
import subprocess
import sys
import time

import flyte

env = flyte.TaskEnvironment(name="isolated")

# Leaves its session and its parent, with an environment of its own, as a daemon does; it forks once more and prints that
# process, which ignores what can be ignored.
DAEMON = """
import os, signal, sys, time
if os.fork():
    os._exit(0)
os.setsid()
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
print("pid", os.getpid(), flush=True)
os.closerange(0, 3)
time.sleep(3600)
"""


def start_daemons() -> None:
    subprocess.run([sys.executable, "-c", DAEMON], env={}, check=True)
    print(f"pid {subprocess.Popen(['sleep', '3600'], start_new_session=True).pid}")
    if not os.fork():  # no exec: nothing of it can be told from this process but its number
        os.setsid()
        if os.fork():
            os._exit(0)
        print(f"pid {os.getpid()}", flush=True)
        time.sleep(3600)
    os.wait()


@env.task
def leaves_daemons(then: str) -> None:
    print(f"pid {os.getpid()}")
    start_daemons()
    if then == "raise":
        raise ValueError("no")
    if then == "exit":
        os._exit(3)
    if then == "sleep":
        time.sleep(3600)
