"""Kinds of fields that the services' questions share, with their bounds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, ConfigDict, Field

#: Counts end up in 64-bit columns.
Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
Seconds = Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)]
Identifier = Annotated[str, Field(min_length=1, max_length=256)]
MAX_TEXT = 20_000
Text = Annotated[str, Field(max_length=MAX_TEXT)]
Word = Annotated[str, Field(max_length=100)]
#: Bounds that keep arithmetic on times far from its edges.
Moment = Annotated[
    AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), le=datetime(2100, 1, 1, tzinfo=UTC))
]

#: No field that is not known, and no text where a number is wanted.
STRICT = ConfigDict(extra="forbid", strict=True)
