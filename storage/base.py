"""What all tables share: naming, and how Python types become columns."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import BigInteger, CheckConstraint, MetaData, Text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase

NAMING = {
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_name)s_fkey",
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
}


#: Ids are compared byte by byte, on any server: quicker than by a language's rules, and one order everywhere.
EntityId = Annotated[str, "id"]


class Base(DeclarativeBase):
    """Root of the tables: one mapping of Python types to columns."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 (SQLAlchemy reads it from the class)
        int: BigInteger,
        str: Text,
        EntityId: Text(collation="C"),
        datetime: TIMESTAMP(timezone=True),
        dict[str, Any]: JSONB,
    }


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    """Constraint: ``column`` is one of ``values``."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} in ({listed})", name=column)


def at_least_zero(*columns: str) -> list[CheckConstraint]:
    """A constraint of each of ``columns``."""
    return [CheckConstraint(f"{column} >= 0", name=column) for column in columns]
