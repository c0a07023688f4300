"""Pictures are not imported as tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import pyarrow as pa

from config.errors import InputError
from models.family import Rejected


def clean(
    _table: pa.Table, _mapping: Mapping[str, str] | None, _as_of: datetime | None
) -> tuple[pa.Table, list[Rejected]]:
    """Refuse: a table holds no pictures. Raises InputError."""
    raise InputError(
        "Pictures are not imported from a table.",
        hint="`assay datasets add gold imagery DIR` takes a folder of class-named folders.",
    )
