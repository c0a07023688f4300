"""A family of texts for files whose labels have other names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from config.errors import InputError
from models.family import Family


def with_label_names(family: Family, pairs: Sequence[str]) -> Family:
    """``family``, reading files that call its labels otherwise.

    Args:
        family: the family.
        pairs: ``THEIRS=OURS`` each; none: nothing changes.

    Raises:
        InputError: a pair is not of that form, the family has no such label, or does not read labels of texts.
    """
    if not pairs:
        return family
    named: dict[str, str] = {}
    for pair in pairs:
        theirs, equals, ours = pair.rpartition("=")
        if not equals or not theirs.strip() or not ours.strip():
            raise InputError(f"'{pair}' is not THEIRS=OURS.", hint="Such as --label 1=spam --label 0=clean.")
        named[theirs.strip()] = ours.strip()
    rename = getattr(family.clean, "with_names", None)
    if rename is None:
        raise InputError(f"The labels of '{family.name}' have no other names.", hint="Leave --label out.")
    return replace(family, clean=rename(named))
