"""Pages and frames for whoever may only read: our HTML without the controls that abort, force, answer, drain, share, delete and run again.

Rows are rendered once for all readers, so this works on their HTML. What users wrote is escaped in it and cannot be taken for
a tag. Nothing hangs on it: the gate refuses what such a control would send. Short, because it only takes controls away.
"""

from __future__ import annotations

import re

# Buttons of these hold no other button, and forms no other form.
_CONTROLS = re.compile(
    r"<button\b[^>]*\sdata-(?:abort|abort-phase|abort-group|abort-beside|abort-picked|pick-matching|answer|delete|opens)\b[^>]*>.*?</button>"
    r"|<form\b[^>]*\sdata-(?:ask|signal)\b[^>]*>.*?</form>"
    r"|<a\b[^>]*\sdata-rerun\b[^>]*>.*?</a>"
    r"|<noscript><button\b.*?</noscript>"
    r'|<input type="?checkbox"?[^>]*\saria-label="Select [^>]*>',
    re.DOTALL,
)


def without_controls(html: str) -> str:
    """The same HTML to look at."""
    return _CONTROLS.sub("", html)
