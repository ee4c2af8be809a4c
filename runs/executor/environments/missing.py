"""What to say of a module that an action's environment does not have: in which image it is missing, and how to add its package.

The environment is that of the process, and so of all that it forks.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from runs.executor.environments.layout import Environment, read_environment

_folder = ""  # of this process' environment; "" for the worker's own Python


def look_in(folder: str) -> None:
    """Say once in which environment this process runs."""
    global _folder
    _folder = folder


def advise(problem: BaseException) -> str:
    """Words for a ModuleNotFoundError, or what the SDK made of one; "" for any other."""
    module = _missing_module(problem)
    package = module.partition(".")[0]
    if not package:
        return ""
    if module != package and _is_there(package):
        return (
            f"There is a package {package!r}, but no {module!r} in it. A folder of your code that has the name of an installed package is "
            "hidden by it: give it another name."
        )
    environment = _find(_folder)
    if environment is None:
        return (
            f"The module {package!r} is not in the Python of the worker, which runs tasks whose image adds nothing. Give the "
            f'task\'s environment an image with its package: flyte.Image.from_debian_base().with_pip_packages("{package}").'
        )
    advice = (
        f"The module {package!r} is not in the image {environment.image} (Python {environment.python}). "
        f'Add its package to the image, such as .with_pip_packages("{package}").'
    )
    if environment.not_honoured:
        asked = "; ".join(environment.not_honoured)
        advice += f" The image also asks for what is not honoured here: {asked}."
    return advice


def _is_there(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):  # one that was made by hand
        return package in sys.modules


def _missing_module(problem: BaseException | None) -> str:
    seen: set[int] = set()
    while problem is not None and id(problem) not in seen:
        if isinstance(problem, ModuleNotFoundError) and problem.name:
            return problem.name
        seen.add(id(problem))
        problem = problem.__cause__ or problem.__context__
    return ""


def _find(folder: str) -> Environment | None:
    try:
        return read_environment(Path(folder)) if folder else None
    except OSError:  # removed while it is used
        return None
