"""The browsers of the tests: finds them, or installs them where this machine allows.

Chromium is what people have. Its headless shell, a browser without windows, takes 0.3 s less of a processor to load a page, so most
tests run in it where there is one; what needs tabs that are hidden, or kept for Back, takes Chromium.

`python -m tests.browser` makes sure that there is a Chromium; it fails loudly, because a browser test that is skipped tells nothing.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

# Chromium refuses its sandbox to root; the rest keeps it from calling home while a test runs.
LAUNCH_ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Of two such arguments Chromium takes the last, so what Playwright would switch off and matters here is named again. The popup of
    # the address bar, which nobody sees, would load two pages for each window: as much work as one of ours.
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,AimEnabled,HttpsUpgrades,MediaRouter,OptimizationHints,PaintHolding",
)
# Without a process and a renderer for graphics that nobody sees.
SHELL_ARGS = (*LAUNCH_ARGS, "--in-process-gpu", "--disable-software-rasterizer")
SHELL_NAME = "chromium-headless-shell"  # Debian's
SYSTEM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLAYWRIGHT_PATH = """
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)
"""
HELP = """\
The browser tests need a Chromium, and none could be found or installed. Tried, in this order:
  1. {names} on PATH
  2. Playwright's own: .venv/bin/python -m playwright install chromium
  3. Debian's, when root: apt-get install chromium chromium-headless-shell
Install one, or set FLYTEUI_CHROMIUM to the path of one; `make test-fast` runs the tests that need none.
"""


@functools.cache
def find_chromium() -> str | None:
    """Return the path of a Chromium that starts, asking what is quick to ask first."""
    if chosen := os.environ.get("FLYTEUI_CHROMIUM"):
        return chosen if starts(chosen) else None
    candidates = (shutil.which(name) for name in SYSTEM_NAMES)
    found = next((path for path in candidates if path and starts(path)), None)
    return found or find_playwright_chromium()


@functools.cache
def find_shell() -> str | None:
    """Return the path of a headless shell that starts, else of the Chromium."""
    if os.environ.get("FLYTEUI_CHROMIUM"):
        return find_chromium()
    own = Path(find_playwright_chromium() or os.devnull).parents
    # Playwright keeps them beside each other.
    beside = own[2].glob("chromium_headless_shell-*/*/*headless*shell") if len(own) > 2 else ()
    found = (path for path in (shutil.which(SHELL_NAME), *map(str, beside)) if path and starts(path))
    return next(found, None) or find_chromium()


def find_playwright_chromium() -> str | None:
    # In a process of its own: Playwright's sync API refuses to start where an event loop runs.
    answer = subprocess.run(
        [sys.executable, "-c", PLAYWRIGHT_PATH], capture_output=True, text=True, timeout=60, check=False
    )
    path = answer.stdout.strip()
    return path if path and starts(path) else None


def starts(path: str) -> bool:
    """Tell whether the program runs: Ubuntu's `chromium-browser` may be a stub, libraries may be missing."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def ensure_chromium() -> str | None:
    """Return a Chromium, installing one if there is none."""
    if os.environ.get("FLYTEUI_CHROMIUM"):
        return find_chromium()
    for install in (None, install_from_playwright, install_from_debian):
        if install is not None:
            install()
            find_chromium.cache_clear()
        if path := find_chromium():
            return path
    return None


def install_from_playwright() -> None:
    print("No Chromium on PATH: downloading Playwright's ...", flush=True)
    run(sys.executable, "-m", "playwright", "install", "chromium", timeout_seconds=300)


def install_from_debian() -> None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    print("Playwright's Chromium is not to be had here: installing Debian's ...", flush=True)
    run("apt-get", "update", timeout_seconds=300)
    run("apt-get", "install", "--yes", "--no-install-recommends", "chromium", SHELL_NAME, timeout_seconds=900)


def run(*command: str, timeout_seconds: int) -> None:
    """Run an installer; whether it worked is asked of the browser itself, so failures are only shown."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"  {' '.join(command)}: {error}", file=sys.stderr)
        return
    if done.returncode != 0:
        tail = "\n  ".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        print(f"  {' '.join(command)} failed:\n  {tail}", file=sys.stderr)


if __name__ == "__main__":
    browser = ensure_chromium()
    if browser is None:
        sys.exit(HELP.format(names=", ".join(SYSTEM_NAMES)))
    print(f"Browsers for the tests: {browser}, {find_shell()}")
