"""`assay verify`: what was published is read whole, and each thing that is missing or altered is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy import Engine, text

from config.settings import Settings
from storage.database import transaction
from storage.datasets import naming
from storage.datasets.manifest import Manifest
from storage.objects import ObjectInfo
from storage.retention_runs import record_run
from storage.versions import record_version
from tasks.audit import audit
from tasks.platform import Platform
from tests.viral_world import roles, trained

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
SCHEMA = pa.schema([("video_id", pa.string()), ("label", pa.string()), ("split", pa.string())])


@pytest.fixture
def parts(ml_settings: Settings, engine: Engine) -> Iterator[Platform]:
    made = Platform(ml_settings)
    yield made
    made.close()


def publish(
    parts: Platform, stage: str, period: str, name: str, built_from: tuple[Manifest, ...] = ()
) -> Manifest:
    rows = pa.RecordBatch.from_pylist([{"video_id": name, "label": "low", "split": "train"}], schema=SCHEMA)
    manifest = parts.datasets.publish(
        family="viral", stage=stage, period=period, schema=SCHEMA, batches=[rows], made_by="test",
        label="label", split="split", built_from=[one.ref for one in built_from],
    ).manifest  # fmt: skip
    record_version(parts.engine, manifest, None, AT)
    return manifest


def problems(parts: Platform) -> list[tuple[str, str]]:
    return [(fault.what, fault.problem) for fault in audit(parts, models=False).faults]


def object_of(parts: Platform, key: str) -> Path:
    settings = parts.settings
    found = settings.home / "objects" / settings.ml_artifacts_bucket / key
    assert found.is_file()
    return found


def test_what_is_as_it_was_published_has_no_fault(parts: Platform) -> None:
    verified = publish(parts, "verified", "2026-10", "v1")
    publish(parts, "full", "2026-10", "v1", (verified,))
    publish(parts, "full", "2026-10", "v2", (verified,))

    found = audit(parts)

    assert found.faults == []
    assert (found.versions, found.parts, found.models) == (3, 3, 0)


def test_an_altered_part_and_a_missing_one_are_named(parts: Platform) -> None:
    altered, missing = publish(parts, "full", "2026-09", "v1"), publish(parts, "full", "2026-10", "v2")
    path = object_of(parts, altered.parts[0].key)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    object_of(parts, missing.parts[0].key).unlink()

    found = problems(parts)

    assert [what for what, _ in found] == [altered.name, missing.name]
    assert "does not have the SHA-256" in found[0][1]
    assert "is missing" in found[1][1]


def test_a_manifest_that_was_edited_is_named_and_the_rest_is_read(parts: Platform) -> None:
    edited, broken = publish(parts, "full", "2026-09", "v1"), publish(parts, "full", "2026-10", "v2")
    publish(parts, "full", "2026-11", "v3")
    path = object_of(parts, edited.key)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b'"made_by": "test"', b'"made_by": "nobody"'))
    path = object_of(parts, broken.key)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:100])

    found = audit(parts, models=False)

    assert [fault.what for fault in found.faults] == [broken.key, edited.name, broken.name]
    assert "is not readable" in found.faults[0].problem
    assert "registered in the database with another content" in found.faults[1].problem
    assert "its manifest is missing or not readable" in found.faults[2].problem
    assert found.versions == 2  # what can be read is read


def test_lineage_that_leads_nowhere_is_named(parts: Platform) -> None:
    verified = publish(parts, "verified", "2026-10", "v1")
    full = publish(parts, "full", "2026-10", "v1", (verified,))
    later = publish(parts, "full", "2026-10", "v2", (verified,))
    object_of(parts, verified.key).unlink()
    object_of(parts, full.key).unlink()

    found = problems(parts)

    assert (later.name, f"was built from {verified.name}, which is missing") in found
    assert (later.name, f"supersedes {full.name}, which is missing") in found


def test_a_register_of_another_day_is_named(parts: Platform) -> None:
    gone, other = publish(parts, "full", "2026-09", "v1"), publish(parts, "full", "2026-10", "v2")
    with transaction(parts.engine) as connection:
        connection.execute(text("delete from dataset_versions where period = '2026-09'"))
        connection.execute(text("update dataset_versions set manifest_sha256 = repeat('0', 64)"))

    assert problems(parts) == [
        (other.name, "is registered in the database with another content"),
        (gone.name, "is not registered in the database"),
    ]


def test_a_damaged_model_and_data_that_it_cannot_have_learned_from_are_named(parts: Platform) -> None:
    data = publish(parts, "full", "2026-10", "v1")
    predictor, evaluation = trained()
    counts = dict(zip(("train", "valid", "test"), (part.num_rows for part in roles()), strict=True))
    for key, sha256 in (("good", data.ref.sha256), ("other", "0" * 64)):
        parts.registry.log_training(
            family="viral", predictor=predictor, evaluation=evaluation, comparison=None, dataset=data.name,
            dataset_sha256=sha256, params={}, rows=counts, key=f"audit-{key}",
        )  # fmt: skip

    found = audit(parts)

    assert found.models == 2
    assert [(fault.what, fault.problem) for fault in found.faults] == [
        ("viral version 2", f"learned from another {data.name} than the one that is there")
    ]


def test_an_alias_that_was_moved_behind_the_history_is_named(parts: Platform) -> None:
    data = publish(parts, "full", "2026-10", "v1")
    predictor, evaluation = trained()
    counts = dict(zip(("train", "valid", "test"), (part.num_rows for part in roles()), strict=True))
    version = parts.registry.log_training(
        family="viral", predictor=predictor, evaluation=evaluation, comparison=None, dataset=data.name,
        dataset_sha256=data.ref.sha256, params={}, rows=counts, key="audit-alias",
    )  # fmt: skip
    body = {"name": "viral", "alias": "production", "version": version.version}
    parts.registry._api.post("registered-models/alias", body)

    assert [fault.problem for fault in audit(parts).faults] == [
        f"has version {version.version} in production, and the history ends with none"
    ]


def once(does: Callable[[], object]) -> Callable[[str], None]:
    """Does it when the first version is about to be read, as if the reading took hours."""
    waiting = [does]

    def told(_name: str) -> None:
        if waiting:
            waiting.pop()()

    return told


def learn(parts: Platform, data: Manifest, key: str) -> str:
    predictor, evaluation = trained()
    counts = dict(zip(("train", "valid", "test"), (part.num_rows for part in roles()), strict=True))
    return parts.registry.log_training(
        family="viral", predictor=predictor, evaluation=evaluation, comparison=None, dataset=data.name,
        dataset_sha256=data.ref.sha256, params={}, rows=counts, key=key,
    ).version  # fmt: skip


def test_what_is_published_and_promoted_while_it_reads_is_no_fault(parts: Platform) -> None:
    data = publish(parts, "full", "2026-09", "v1")
    learn(parts, data, "audit-before")

    def month_end() -> None:
        later = publish(parts, "full", "2026-10", "v2")
        version = learn(parts, later, "audit-meanwhile")
        parts.registry.promote("viral", version, actor="ada", reason="better", force=True, at=AT)

    found = audit(parts, told=once(month_end))

    assert found.faults == []
    assert (found.versions, found.models) == (1, 1)  # the next reading has the others


def test_a_version_that_is_registered_a_moment_after_it_was_published_is_no_fault(parts: Platform) -> None:
    manifest = publish(parts, "full", "2026-09", "v1")
    with transaction(parts.engine) as connection:
        connection.execute(text("delete from dataset_versions"))

    found = audit(parts, models=False, told=once(lambda: record_version(parts.engine, manifest, None, AT)))

    assert found.faults == []


@pytest.mark.parametrize("how", ["erased", "retired"])
def test_a_version_whose_rows_go_while_it_reads_is_counted_as_gone(parts: Platform, how: str) -> None:
    gone = publish(parts, "full", "2026-09", "v1")
    publish(parts, "full", "2026-10", "v2")

    def go() -> None:
        if how == "erased":
            key = naming.erased_key("viral", "full", "2026-09", 1)
            parts.store.put(key, b"{}")
        else:
            plan = {"versions": [gone.name]}
            record_run(parts.engine, at=AT, run_id=None, actor="ada", plan=plan, deleted={}, dry_run=False)
            parts.datasets.retire(gone, {})
        parts.store.delete(gone.parts[0].key)

    found = audit(parts, models=False, told=once(go))

    assert found.faults == []
    assert (found.erased, found.retired) == ((1, 0) if how == "erased" else (0, 1))


def test_a_source_that_the_listing_came_too_early_for_is_no_fault(
    parts: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listing comes in pages: what is published meanwhile may be in a later one, and what it is built from in
    one that was read before.
    """
    verified = publish(parts, "verified", "2026-10", "v1")
    full = publish(parts, "full", "2026-10", "v1", (verified,))
    publish(parts, "full", "2026-10", "v2", (verified,))
    learn(parts, full, "audit-early")
    listed = parts.store.list

    def early(prefix: str) -> Iterator[ObjectInfo]:
        return (info for info in listed(prefix) if info.key not in (verified.key, full.key))

    monkeypatch.setattr(parts.store, "list", early)

    assert audit(parts).faults == []


def test_reading_models_leaves_no_copies_on_disk(parts: Platform) -> None:
    learn(parts, publish(parts, "full", "2026-10", "v1"), "audit-copies")

    assert audit(parts).models == 1
    assert not (parts.settings.home / "cache" / "models" / "viral").exists()
