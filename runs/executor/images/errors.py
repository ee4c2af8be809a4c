"""Why an image cannot be built, in words: the class is the code of the run's error, the message what the page says.

A page shows the last line of an error: our sentence where it says all, else uv's. `explain` reads what uv has printed.
It knows uv's and pixi's sentences, which tests ask the real ones for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

TAIL = 12  # lines of uv's output that an error repeats
ASIDE = "Using Python "  # begins one that names a folder which is about to go


class ImageBuildError(Exception):
    """The image cannot be built."""


class PythonNotFound(ImageBuildError):
    """No Python of this version."""


class PackageNotFound(ImageBuildError):
    """A package that the index does not have, in any version or in this one."""


class PackagesConflict(ImageBuildError):
    """No versions of the packages fit together."""


class IndexNotReached(ImageBuildError):
    """The package index does not answer."""


_NO_PACKAGE = re.compile(
    r"(?:Because|and) (\S+?) was not found in (?:the package registry|the provided package)"
)
_NO_VERSION = re.compile(r"there (?:is|are) no versions? of (\S+)")
_NO_CANDIDATE = re.compile(r"No candidates were found for ([\w.-]+)")
_NOT_REACHED = re.compile(
    r"(?i:failed to fetch: `?([^`\s]+)`?|could not connect|dns error|request failed after)"
)


def explain(step: str, lines: Sequence[str], *, program: str = "uv") -> ImageBuildError:
    """The error of a step that has failed. program: which has printed the lines."""
    text = " ".join(line.strip() for line in lines)
    tail = "\n".join(line.rstrip() for line in lines[-TAIL:] if not line.startswith(ASIDE))
    if found := _NO_PACKAGE.search(text):
        return PackageNotFound(
            f"{tail}\nThe package {found[1]} does not exist in the package index. Check its name, or name its index (index_url)."
        )
    if found := _NO_VERSION.search(text):
        return PackageNotFound(
            f"{tail}\nThere is no version {found[1]} that fits. Ask for another one, or for another Python."
        )
    if found := _NO_CANDIDATE.search(text):
        return PackageNotFound(
            f"{tail}\nNo channel of the pixi project has a package {found[1]} that fits. Check its name, its version and the channels."
        )
    if _NOT_REACHED.search(text):
        return IndexNotReached(
            f"{tail}\nThe package index cannot be reached, to {step}. Check its address and the worker's network, and submit again."
        )
    if "No solution found" in text:
        return PackagesConflict(
            f"No versions fit together, to {step}. Ask for others of what {program} names.\n{tail}"
        )
    return ImageBuildError(f"{program} could not {step}. Change the image as its lines say.\n{tail}")
