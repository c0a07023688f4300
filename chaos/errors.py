"""Errors of the suite itself."""

from __future__ import annotations

from config.errors import AssayError


class FaultNotMade(AssayError):
    """A fault could not be brought about now; the sentence says why. It is counted, and not as one."""
