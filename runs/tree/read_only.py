"""Pages and frames for whoever may only read: our HTML without the controls that abort, force, answer, drain, share, delete and run again.

Rows are rendered once for all readers, so this works on their HTML. What users wrote is escaped in it and cannot be taken for
a tag. Nothing hangs on it: the gate refuses what such a control would send.
"""

from __future__ import annotations

import re

# Buttons of these hold no other button, and forms no other form.
_CONTROLS = re.compile(
    r"<button\b[^>]*\sdata-(?:abort|abort-phase|abort-beside|abort-picked|answer|delete|opens)\b[^>]*>.*?</button>"
    r"|<form\b[^>]*\sdata-(?:ask|signal)\b[^>]*>.*?</form>"
    r"|<a\b[^>]*\sdata-rerun\b[^>]*>.*?</a>"
    r"|<noscript><button\b.*?</noscript>"
    r'|<input type="?checkbox"?[^>]*\saria-label="Select [^>]*>',
    re.DOTALL,
)
# The name of a group is worth reading; pressing it would abort the group.
_GROUP = re.compile(r'<button\b[^>]*\sdata-abort-group="[^>]*>(.*?)</button>', re.DOTALL)


def without_controls(html: str) -> str:
    """The same HTML to look at."""
    return _CONTROLS.sub("", _GROUP.sub(r'<span class="chip">\1</span>', html))
