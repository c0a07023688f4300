"""What each family's collection reads from the database: one module a family, with ``read``."""

from __future__ import annotations

import importlib
import importlib.util
from datetime import datetime

import pyarrow as pa
from sqlalchemy import Engine

from config.errors import InputError


def read_sources(engine: Engine, family: str, start: datetime, end: datetime) -> dict[str, pa.Table]:
    """The source tables of ``family`` for ``start <= t < end``, by name.

    Raises:
        InputError: the family has no sources in the database.
        DatabaseUnavailable: the server cannot be reached.
    """
    module = f"{__name__}.{family}"
    if not family.isidentifier() or importlib.util.find_spec(module) is None:
        raise InputError(f"The database holds no sources of family '{family}'.")
    tables: dict[str, pa.Table] = importlib.import_module(module).read(engine, start, end)
    return tables
