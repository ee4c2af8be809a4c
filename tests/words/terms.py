"""How the product speaks: how long a string may be, which words stand for others, and how each kind is written.

The glossary (runs/domain/glossary.md) says which term stands for what; here is what a reader must never meet instead.
"""

from __future__ import annotations

import re

from tests.words.extraction import Words

# Characters, each hole as one. A control says its verb and its object; what needs more is a text beside it.
LIMITS = {
    "button": 48,
    "link": 32,
    "column": 24,
    "heading": 64,
    "label": 120,
    "option": 32,
    "title": 120,
    "text": 560,
}
# What we do not say, and what to say instead.
INSTEAD = {
    r"\basked\.": "say what happens: “Aborting 7 actions”",
    r"\blately\b": "recently",
    r"\b(?:fleet|runner)s?\b": "executors",
    r"\bsub-?trees?\b|\boffspring\b": "descendants, or “everything below”",
    r"\btombstones?\b": "deletion",
    r"\bnodes?\b": "action",
    r"\b(?:first|second|last|next|each) try\b": "attempt",
    r"\bpackage of code\b": "bundle",
    r"\bkeepers?\b": "reaper",
    r"\bcut (?:here|off)\b": "truncated",
    r"\bheard?\b|\blast beat\b": "heartbeat",
    r"\b(?:please|sorry|oops|simply|successfully)\b": "nothing: say the fact",
    r"\b(?:e\.g\.|i\.e\.|etc\.|via)": "such as, that is, and so on, by",
    r"\bclick here\b": "the name of what it leads to",
    r"\.\.\.": "…",
    r"!(?: |$)": "a full stop, or nothing",
    r"\b(?:whitelist|blacklist|master|slave)\b": "allow, deny, main, replica",
    r"\bcanceled\b|\bcanceling\b": "cancelled, cancelling",
}
# Kinds that are no sentences: no full stop, and a capital letter for the first word alone.
SHORT = {"button", "link", "column", "heading", "option"}
NAMES = {
    "API", "CSV", "JSON", "UTC", "HTML", "ID", "I", "Python", "Flyte", "Markdown", "OAuth", "Parquet", "Reject", "Download", "FLYTE_API_KEY",
}  # fmt: skip


def find_faults(words: Words) -> list[str]:
    """What is wrong with a string, and what to do."""
    faults = []
    if len(words.text) > (limit := LIMITS[words.kind]):
        faults.append(f"has {len(words.text)} characters; a {words.kind} has {limit} at most")
    faults += [
        f"says “{found[0]}”; say {instead}"
        for pattern, instead in INSTEAD.items()
        if (found := re.search(pattern, words.text, re.IGNORECASE))
    ]
    if words.kind in SHORT:
        if words.text.endswith("."):
            faults.append(f"a {words.kind} is no sentence: no full stop")
        _, *others = re.findall(r"[A-Za-z_]+", words.text.partition(". ")[0]) or [""]
        capital = [word for word in others if word[0].isupper() and word not in NAMES]
        if capital and not re.search(r"[·?:…]", words.text):
            faults.append(f"has a capital letter in the middle: {', '.join(capital)}")
    return faults
