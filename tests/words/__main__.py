"""`python -m tests.words` writes the list anew: read what changed in it as a reader of the page would.

Short, because the work is done in extraction.py.
"""

from __future__ import annotations

from tests.words.test_words import LIST, current

if __name__ == "__main__":
    LIST.write_text(current())
