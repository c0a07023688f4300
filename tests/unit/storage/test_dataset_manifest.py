"""The manifest: canonical bytes, and what is refused."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from config.errors import DatasetError, InputError, VersionCorrupt
from storage.datasets import Column, Manifest, Part, VersionRef
from storage.datasets.manifest import plain_details

MANIFEST = Manifest(
    family="viral",
    stage="full",
    period="2026-10",
    revision=1,
    schema=[Column("video_id", "string not null"), Column("taken_at", "timestamp[us, tz=UTC]")],
    parts=[Part("datasets/viral/full/2026-10/ab.parquet", 10, 2, "ab")],
    rows=2,
    classes={"low": 1, "ültra": 1},
    split={"train": 2},
    built_from=[VersionRef("viral", "gold", "base", 1, "cd")],
    made_by="build-datasets-monthly",
    details={"dropped": {"no outcome": 3}, "share": 0.25},
)


def test_a_manifest_comes_back_from_its_bytes() -> None:
    back = Manifest.from_bytes(MANIFEST.to_bytes(), MANIFEST.key)
    assert back == MANIFEST
    assert back.to_bytes() == MANIFEST.to_bytes()
    assert back.columns == ["video_id", "taken_at"]
    assert (back.name, back.size) == ("viral/full/2026-10", 10)


def test_its_bytes_do_not_depend_on_the_order_of_its_making() -> None:
    other = replace(
        MANIFEST, classes={"ültra": 1, "low": 1}, details={"share": 0.25, "dropped": {"no outcome": 3}}
    )
    assert other.to_bytes() == MANIFEST.to_bytes()


def test_its_reference_is_the_hash_of_its_bytes() -> None:
    assert MANIFEST.ref.sha256 == hashlib.sha256(MANIFEST.to_bytes()).hexdigest()
    assert replace(MANIFEST, revision=2).ref.name == "viral/full/2026-10.r2"


def test_the_next_revision_names_the_one_before() -> None:
    second = replace(MANIFEST, rows=3).following(MANIFEST)
    assert (second.revision, second.supersedes) == (2, MANIFEST.ref.sha256)
    assert not second.same_content(MANIFEST)
    assert MANIFEST.following(second).same_content(MANIFEST)


def test_a_manifest_of_another_format_is_a_clear_error() -> None:
    data = MANIFEST.to_bytes().replace(b"assay-dataset/1", b"assay-dataset/9")
    with pytest.raises(DatasetError, match=r"'assay-dataset/9'.*reads 'assay-dataset/1'.*newer"):
        Manifest.from_bytes(data, MANIFEST.key)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b"\xff", b"null", MANIFEST.to_bytes()[:-20]])
def test_what_is_no_manifest_is_corrupt(data: bytes) -> None:
    with pytest.raises(VersionCorrupt, match=r"2026-10\.json"):
        Manifest.from_bytes(data, MANIFEST.key)


def test_a_manifest_that_lacks_a_field_is_corrupt() -> None:
    fields = json.loads(MANIFEST.to_bytes())
    del fields["parts"]
    with pytest.raises(VersionCorrupt, match="parts"):
        Manifest.from_bytes(json.dumps(fields).encode(), MANIFEST.key)


def test_a_manifest_that_somebody_edited_or_moved_is_corrupt() -> None:
    with pytest.raises(VersionCorrupt, match="changed"):
        Manifest.from_bytes(MANIFEST.to_bytes() + b" ", MANIFEST.key)
    with pytest.raises(VersionCorrupt, match="changed"):
        Manifest.from_bytes(MANIFEST.to_bytes(), "metadata/viral/full/2026-11.json")


def test_details_are_plain_json() -> None:
    assert plain_details({"options": (1, 2), "x": None}) == {"options": [1, 2], "x": None}
    for bad in ({"at": object()}, {"x": float("nan")}):
        with pytest.raises(InputError, match="plain JSON"):
            plain_details(bad)
