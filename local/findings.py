"""What `assay doctor` reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is, and what to do where it is not well."""

    check: str
    status: Literal["ok", "warning", "error"]
    detail: str
    hint: str | None = None
