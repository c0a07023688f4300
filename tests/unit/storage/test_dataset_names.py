"""How dataset versions are named and where they lie."""

from __future__ import annotations

import pytest

from config.errors import InputError
from storage.datasets import VersionRef, naming


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        ("viral/full/2026-10", ("viral", "full", "2026-10", None)),
        ("viral/full/2026-10.r2", ("viral", "full", "2026-10", 2)),
        ("face/candidates/2026-10-31", ("face", "candidates", "2026-10-31", None)),
        ("ctr/gold/base.r12", ("ctr", "gold", "base", 12)),
    ],
)
def test_a_name_says_family_stage_period_and_revision(
    name: str, parsed: tuple[str, str, str, int | None]
) -> None:
    assert VersionRef.parse_name(name) == parsed
    family, stage, period, revision = parsed
    assert naming.version_name(family, stage, period, revision or 1) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "viral",
        "viral/full",
        "viral/full/2026-10/x",
        "viral/full/2026-13",
        "viral/full/2026-10-01",
        "viral/candidates/2026-10",
        "viral/candidates/2026-10-32",
        "viral/gold/2026-10",
        "viral/silver/2026-10",
        "Viral/full/2026-10",
        "../full/2026-10",
        "viral/full/2026-10.r0",
        "viral/full/2026-10.r02",
        "viral/full/2026-10.json",
    ],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InputError):
        naming.parse_name(name)


def test_a_manifests_key_leads_back_to_its_name() -> None:
    assert naming.manifest_key("viral", "full", "2026-10", 1) == "metadata/viral/full/2026-10.json"
    assert naming.manifest_key("viral", "full", "2026-10", 2) == "metadata/viral/full/2026-10.r2.json"
    for revision in (1, 2, 31):
        key = naming.manifest_key("viral", "full", "2026-10", revision)
        assert naming.parse_manifest_key(key) == ("viral", "full", "2026-10", revision)


@pytest.mark.parametrize(
    "key",
    [
        "metadata/viral/full/2026-10.r1.json",
        "metadata/viral/notes.json",
        "metadata/viral/full/2026-10.txt",
        "x",
    ],
)
def test_other_objects_are_no_manifests(key: str) -> None:
    assert naming.parse_manifest_key(key) is None


def test_only_keys_of_the_shape_of_a_part_are_parts() -> None:
    digest = "0a" * 32
    assert naming.series_of_part(naming.part_key("viral/full/2026-10", digest)) == "viral/full/2026-10"
    for other in (
        f"datasets/viral/{digest}.parquet",
        f"datasets/viral/full/2026-10/{digest[:-1]}.parquet",
        f"datasets/viral/full/2026-10/{digest}.parquet.bak",
        f"mlflow/viral/full/2026-10/{digest}.parquet",
        "datasets/face/gold/photo.jpg",
    ):
        assert naming.series_of_part(other) is None
