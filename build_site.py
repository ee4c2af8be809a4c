"""Builds the documentation: `python build_site.py` makes build/site out of docs/, which the server serves at /docs/.

Zensical writes small scripts into the pages and a style into its search; our content security policy allows neither. So the
scripts become files, and the style a style sheet that a script adopts. Each page gets a link to the dashboard, in its bar.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
SITE = ROOT / "build" / "site"
SCRIPTS = "assets/javascripts"
INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
STYLE = re.compile(r'(\w+)\.appendChild\(\w+\("style",\{\},(\w+)\.toString\(\)\)\)')
ADOPT = r"{const sheet=new CSSStyleSheet;sheet.replaceSync(\2);\1.adoptedStyleSheets=[sheet]}"
# Where the theme would link a repository. It keeps the place free without one, and hides it on narrow screens.
CORNER = re.compile(r'<div class=["\']?md-header__source["\']?>\s*</div>')
TO_DASHBOARD = '<a class="to-dashboard" href="/">Dashboard</a>'
# It is served for any address below that of the site, so its own addresses begin at the server's root, where Zensical takes the site to be.
NOT_FOUND = "404.html"
SERVED_AT = "/docs/"
FROM_ROOT = re.compile(r'((?:href|src)="|"(?:base|search)":")/')
# Not for readers: the pictures of the README, and a map of addresses that nobody has.
LEFT_OUT = ("screenshots", "sitemap.xml", "sitemap.xml.gz")


def main() -> int:
    """Returns the exit code: what Zensical warns of, a broken link for one, is an error."""
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--clean", "--strict"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        return done.returncode
    for name in LEFT_OUT:
        left = SITE / name
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink(missing_ok=True)
    lost = SITE / NOT_FOUND
    lost.write_text(FROM_ROOT.sub(rf"\1{SERVED_AT}", lost.read_text()))
    for page in SITE.rglob("*.html"):
        move_scripts(page)
        replace_once(page, CORNER, TO_DASHBOARD, "a corner for the link to the dashboard")
    (bundle,) = (SITE / SCRIPTS).glob("bundle.*.min.js")
    replace_once(bundle, STYLE, ADOPT, "a place that makes a style for the search")
    return 0


def move_scripts(page: Path) -> None:
    """Put each script of the page into a file, which bears its digest, and refer to that from the page."""
    up = SERVED_AT if page.name == NOT_FOUND else "../" * (len(page.relative_to(SITE).parts) - 1)

    def refer(match: re.Match[str]) -> str:
        code = match[1].strip()
        name = f"{SCRIPTS}/page.{hashlib.sha256(code.encode()).hexdigest()[:12]}.js"
        (SITE / name).write_text(code)
        return f'<script src="{up}{name}"></script>'

    page.write_text(INLINE.sub(refer, page.read_text()))


def replace_once(file: Path, pattern: re.Pattern[str], by: str, what: str) -> None:
    """Leaves the program where the file has none or several: another Zensical needs another pattern."""
    text, count = pattern.subn(by, file.read_text())
    if count != 1:
        sys.exit(f"{file.name} has {count}, not 1, of this: {what}. See build_site.py")
    file.write_text(text)


if __name__ == "__main__":
    sys.exit(main())
