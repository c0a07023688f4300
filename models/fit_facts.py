"""What every family's fit does about its parameters, and tells of the libraries that it used."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from config.errors import TrainingError


def chosen_params(family: str, defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The ``defaults`` with what was ``given`` instead.

    Raises:
        TrainingError: a parameter that the family does not have; the message lists those it has.
    """
    unknown = sorted(set(given) - set(defaults))
    if unknown:
        raise TrainingError(
            f"The {family} family has no parameter {', '.join(unknown)}.",
            hint=f"There are: {', '.join(defaults)}.",
        )
    return {**defaults, **given}


def library_versions(*names: str) -> dict[str, str]:
    """The versions of Python and of the libraries with these ``names``."""
    return {"python": platform.python_version(), **{name: version(name) for name in names}}
