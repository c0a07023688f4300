"""Who runs a command, as the history keeps it."""

from __future__ import annotations


def actor() -> str:
    """The name of the machine's account."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a uid without a name
        import os

        return f"uid {os.getuid()}"
