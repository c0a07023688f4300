"""Retiring a version: its rows are gone, its manifest stays, and its name is closed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from config.errors import VersionErased, VersionRetired
from storage.datasets import DatasetRepository, naming
from storage.datasets.chunking import GROUP_ROWS as ONE_PART
from storage.objects import ObjectStore
from tests.integration.storage.datasets_world import publish, rows


def tomorrow() -> datetime:
    return datetime.now(UTC) + timedelta(days=1)


def part_keys(store: ObjectStore) -> set[str]:
    return {info.key for info in store.list(naming.PARTS)}


def test_what_is_retired_is_read_no_more_and_only_its_own_parts_go(store: ObjectStore) -> None:
    repository = DatasetRepository(store, part_bytes=1)
    first = publish(repository, rows(ONE_PART + 10)).manifest
    second = publish(repository, rows(ONE_PART + 20)).manifest  # begins with the same part
    shared = {part.key for part in first.parts} & {part.key for part in second.parts}
    assert shared

    repository.retire(first, {"actor": "ada"})
    gone = repository.remove_parts([part.key for part in first.parts])

    assert {info.key for info in gone} == {part.key for part in first.parts} - shared
    assert part_keys(store) == {part.key for part in second.parts}
    assert repository.table(second).num_rows == ONE_PART + 20
    for read in (lambda: repository.table(first), lambda: list(repository.skim(first, ["label"]))):
        with pytest.raises(VersionRetired, match="The rows of viral/full/2026-10 are gone"):
            read()
    assert repository.manifest("viral", "full", "2026-10", 1) == first
    assert repository.retired_names("viral") == repository.gone_names() == {first.name}
    assert repository.erased_names() == set()
    mark = json.loads(store.get(naming.retired_key("viral", "full", "2026-10", 1)))
    assert mark == {"actor": "ada"}


def test_a_retired_latest_revision_closes_its_name_and_a_superseded_one_does_not(store: ObjectStore) -> None:
    repository = DatasetRepository(store)
    first = publish(repository, rows(100)).manifest
    publish(repository, rows(200))
    repository.retire(first, {})

    third = publish(repository, rows(300)).manifest
    assert third.revision == 3
    repository.retire(third, {})

    for again in (300, 400):
        with pytest.raises(VersionRetired, match="viral/full/2026-10 is closed"):
            publish(repository, rows(again))


def test_a_part_that_is_named_stays_and_doing_it_again_changes_nothing(store: ObjectStore) -> None:
    repository = DatasetRepository(store)
    first, second = publish(repository, rows(100)).manifest, publish(repository, rows(200)).manifest
    keys = [part.key for one in (first, second) for part in one.parts]
    repository.retire(first, {"by": "one"})
    repository.retire(first, {"by": "another"})

    assert [info.key for info in repository.remove_parts(keys)] == [first.parts[0].key]
    assert repository.remove_parts(keys) == []
    assert json.loads(store.get(naming.retired_key("viral", "full", "2026-10", 1))) == {"by": "one"}


def test_parts_of_a_retired_version_are_orphans_for_the_clean_up(store: ObjectStore) -> None:
    repository = DatasetRepository(store)
    only = publish(repository, rows(100)).manifest
    repository.retire(only, {})

    found = repository.gc(older_than=timedelta(0), as_of=tomorrow(), delete=True)

    assert [info.key for info in found] == [only.parts[0].key]


def test_erased_goes_before_retired(store: ObjectStore) -> None:
    repository = DatasetRepository(store)
    only = publish(repository, rows(100)).manifest
    store.put(naming.erased_key("viral", "full", "2026-10", 1), b"{}")
    repository.retire(only, {})

    with pytest.raises(VersionErased):
        repository.require_rows(only)
