"""Ids of requests: taken from whoever asks, or made."""

from __future__ import annotations

import re
import secrets
import time

#: As others may give it: fit for a header and a line of a log.
_FIT = re.compile(rb"[A-Za-z0-9._:@=+/-]{1,128}")


def given_request_id(header: bytes | None) -> str | None:
    """The id that the header ``X-Request-ID`` gives; None where there is none, or none that is fit."""
    return header.decode() if header is not None and _FIT.fullmatch(header) else None


def new_request_id() -> str:
    """Sorts by time, and comes once."""
    return f"{time.time_ns() // 1_000_000:012x}-{secrets.token_hex(8)}"
