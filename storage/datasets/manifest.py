"""The manifest: what a dataset version is, as one small canonical JSON object.

Its bytes are a function of the version's content alone: no time, no run, no host. So two runs on the same
inputs write the same manifest, and its SHA-256 identifies the version.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

from config.errors import DatasetError, InputError, VersionCorrupt
from storage.datasets import naming

FORMAT = "assay-dataset/1"


class Column(NamedTuple):
    """A column's name and Arrow type, such as ``timestamp[us, tz=UTC] not null``."""

    name: str
    type: str


@dataclass(frozen=True)
class Part:
    """One Parquet object: its key, size in bytes, number of rows, and SHA-256."""

    key: str
    size: int
    rows: int
    sha256: str


@dataclass(frozen=True)
class VersionRef:
    """Which version exactly: its name, and the SHA-256 of its manifest's bytes."""

    family: str
    stage: str
    period: str
    revision: int
    sha256: str

    @property
    def name(self) -> str:
        """``viral/full/2026-10``, or ``viral/full/2026-10.r2``."""
        return naming.version_name(self.family, self.stage, self.period, self.revision)

    @staticmethod
    def parse_name(name: str) -> tuple[str, str, str, int | None]:
        """(family, stage, period, revision or None) out of a name. Raises InputError."""
        return naming.parse_name(name)


@dataclass(frozen=True)
class Manifest:
    """A dataset version.

    Attributes:
        classes: rows by the label's class; rows without a label are in none.
        split: rows by split.
        built_from: the versions it was made of.
        made_by: the flow's name; never a run or a time.
        supersedes: SHA-256 of the manifest of the revision before.
        details: figures of its making that depend on its inputs alone, such as dropped rows by reason.
    """

    family: str
    stage: str
    period: str
    revision: int
    schema: list[Column]
    parts: list[Part]
    rows: int
    classes: dict[str, int]
    split: dict[str, int]
    built_from: list[VersionRef]
    made_by: str
    supersedes: str | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """``viral/full/2026-10``, or ``viral/full/2026-10.r2``."""
        return naming.version_name(self.family, self.stage, self.period, self.revision)

    @property
    def series(self) -> str:
        """``family/stage/period``: what all revisions have in common."""
        return f"{self.family}/{self.stage}/{self.period}"

    @property
    def key(self) -> str:
        """Where it lies in the store."""
        return naming.manifest_key(self.family, self.stage, self.period, self.revision)

    @property
    def ref(self) -> VersionRef:
        """What another manifest, a run or a model says to mean this version."""
        digest = hashlib.sha256(self.to_bytes()).hexdigest()
        return VersionRef(self.family, self.stage, self.period, self.revision, digest)

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(part.size for part in self.parts)

    @property
    def columns(self) -> list[str]:
        """Names of its columns."""
        return [column.name for column in self.schema]

    def to_bytes(self) -> bytes:
        """Canonical JSON: sorted keys, UTF-8, readable by people."""
        fields = asdict(self) | {"format": FORMAT, "schema": [column._asdict() for column in self.schema]}
        text = json.dumps(fields, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=1)
        return f"{text}\n".encode()

    @classmethod
    def from_bytes(cls, data: bytes, key: str) -> Manifest:
        """The manifest that lies under ``key``.

        Raises:
            VersionCorrupt: the bytes are not those of a manifest, or not of the version that ``key`` names.
            DatasetError: another version of Assay wrote it, in a format that this one does not read.
        """
        try:
            fields = json.loads(data)
            found = fields.pop("format")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise VersionCorrupt(
                f"The manifest '{key}' is not readable: it is not a manifest's JSON."
            ) from None
        if found != FORMAT:
            raise DatasetError(
                f"The manifest '{key}' has the format '{found}', and this version of Assay reads '{FORMAT}'.",
                hint="Use the version of Assay that wrote it, or a newer one.",
            )
        try:
            fields["schema"] = [Column(**column) for column in fields["schema"]]
            fields["parts"] = [Part(**part) for part in fields["parts"]]
            fields["built_from"] = [VersionRef(**ref) for ref in fields["built_from"]]
            manifest = cls(**fields)
        except (KeyError, TypeError) as error:
            raise VersionCorrupt(f"The manifest '{key}' is not complete: {error}.") from None
        if manifest.to_bytes() != data or manifest.key != key:
            raise VersionCorrupt(f"The manifest '{key}' was changed after it was written.")
        return manifest

    def following(self, latest: Manifest | None) -> Manifest:
        """The same content as the revision after ``latest`` (as the first where there is none)."""
        if latest is None:
            return replace(self, revision=1, supersedes=None)
        return replace(self, revision=latest.revision + 1, supersedes=latest.ref.sha256)

    def same_content(self, other: Manifest) -> bool:
        """Whether the two differ in nothing but their place in the row of revisions."""
        return replace(self, revision=other.revision, supersedes=other.supersedes) == other


def plain_details(details: Mapping[str, Any]) -> dict[str, Any]:
    """``details`` as they will come back out of JSON. Raises InputError for what JSON cannot hold."""
    try:
        plain: dict[str, Any] = json.loads(json.dumps(dict(details), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise InputError(f"The details of a dataset version must be plain JSON: {error}.") from None
    return plain
