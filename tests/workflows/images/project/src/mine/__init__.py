"""A package of the project that runs it."""

from importlib.metadata import version


def versions() -> str:
    import cowsay  # noqa: F401 -- it is there

    return f"mine {version('mine')}, cowsay {version('cowsay')}"
