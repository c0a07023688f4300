"""How versions are named, and where their objects lie.

name      viral/full/2026-10        the first revision; viral/full/2026-10.r2 the second
manifest  metadata/viral/full/2026-10.json          metadata/viral/full/2026-10.r2.json
part      datasets/viral/full/2026-10/<sha256>.parquet
erased    metadata/viral/full/2026-10.erased        beside the manifest of a revision whose rows are gone
retired   metadata/viral/full/2026-10.retired       the same, where retention deleted the rows
"""

from __future__ import annotations

import re

from config.errors import InputError

PARTS = "datasets/"
MANIFESTS = "metadata/"
ERASED, RETIRED = ".erased", ".retired"

_MONTH = r"\d{4}-(?:0[1-9]|1[0-2])"
#: stage -> what a period of it looks like (pattern, in words)
STAGES: dict[str, tuple[str, str]] = {
    "candidates": (rf"{_MONTH}-(?:0[1-9]|[12]\d|3[01])", "a day, YYYY-MM-DD"),
    "verified": (_MONTH, "a month, YYYY-MM"),
    "full": (_MONTH, "a month, YYYY-MM"),
    "gold": ("base", "always 'base'"),
}
DEFAULT_STAGE = "full"

_FAMILY = re.compile(r"[a-z][a-z0-9_-]*")
_NAME = re.compile(r"(?P<family>[^/]+)/(?P<stage>[^/]+)/(?P<period>[^/.]+)(?:\.r(?P<revision>[1-9]\d*))?")
_MANIFEST = re.compile(rf"{MANIFESTS}(?P<name>[^/]+/[^/]+/[^/]+)\.json")
_PART = re.compile(rf"{PARTS}(?P<series>[^/]+/[^/]+/[^/]+)/[0-9a-f]{{64}}\.parquet")


def check_series(family: str, stage: str, period: str) -> str:
    """``family/stage/period``, once all three are well formed. Raises InputError."""
    check_stage(family, stage)
    pattern, words = STAGES[stage]
    if not re.fullmatch(pattern, period):
        raise InputError(f"'{period}' is not a period of stage '{stage}': it is {words}.")
    return f"{family}/{stage}/{period}"


def check_stage(family: str, stage: str) -> None:
    """Raise InputError unless both are well formed."""
    if not _FAMILY.fullmatch(family):
        raise InputError(f"'{family}' is not the name of a family: lower-case letters, digits, '_' and '-'.")
    if stage not in STAGES:
        raise InputError(f"There is no stage '{stage}'.", hint=f"Stages: {', '.join(STAGES)}.")


def version_name(family: str, stage: str, period: str, revision: int) -> str:
    """``viral/full/2026-10``, and from the second revision on ``viral/full/2026-10.r2``."""
    return f"{family}/{stage}/{period}" + (f".r{revision}" if revision > 1 else "")


def parse_name(name: str) -> tuple[str, str, str, int | None]:
    """(family, stage, period, revision or None) out of a name. Raises InputError."""
    found = _NAME.fullmatch(name)
    if not found:
        raise InputError(
            f"'{name}' is not the name of a dataset version.",
            hint="Write family/stage/period, as viral/full/2026-10.",
        )
    family, stage, period, revision = found.group("family", "stage", "period", "revision")
    check_series(family, stage, period)
    return family, stage, period, int(revision) if revision else None


def manifest_key(family: str, stage: str, period: str, revision: int) -> str:
    """Where the manifest of that version lies."""
    return f"{MANIFESTS}{version_name(family, stage, period, revision)}.json"


def parse_manifest_key(key: str) -> tuple[str, str, str, int] | None:
    """(family, stage, period, revision) when ``key`` is that of a manifest."""
    found = _MANIFEST.fullmatch(key)
    if not found:
        return None
    try:
        family, stage, period, revision = parse_name(found["name"])
    except InputError:
        return None
    return None if revision == 1 else (family, stage, period, revision or 1)


def erased_key(family: str, stage: str, period: str, revision: int) -> str:
    """Where it is said that a person in that version was forgotten."""
    return f"{MANIFESTS}{version_name(family, stage, period, revision)}{ERASED}"


def retired_key(family: str, stage: str, period: str, revision: int) -> str:
    """Where it is said that retention deleted the rows of that version, and when."""
    return f"{MANIFESTS}{version_name(family, stage, period, revision)}{RETIRED}"


def guard_name(series: str) -> str:
    """The lock that a commit, or the removal of a part, of ``series`` holds."""
    return f"dataset:{series}"


def part_key(series: str, sha256: str) -> str:
    """Where a part with that content lies."""
    return f"{PARTS}{series}/{sha256}.parquet"


def series_of_part(key: str) -> str | None:
    """``family/stage/period`` when ``key`` is that of a part, and nothing of anyone else's."""
    found = _PART.fullmatch(key)
    return found["series"] if found else None
