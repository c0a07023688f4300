"""Forgetting a person in all versions of a family, in the order in which it may be killed at any moment.

Of each name whose latest revision holds rows of the person, the next revision is published without them. Then
every revision that holds them is marked as erased, and the parts that only such revisions name are deleted. The
manifests stay, so that the chain of revisions, and what was built from what, can still be followed; the rows
cannot be read any more.

Each step finds what an earlier run has left. The caller sees to it that nobody publishes meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from storage.datasets import naming
from storage.datasets.erasing import Holding, Whose, find_holdings, rewritten
from storage.datasets.manifest import Manifest, VersionRef
from storage.datasets.repository import DatasetRepository
from storage.objects import ObjectStore

#: What others are built from comes first.
_ORDER = {stage: place for place, stage in enumerate(("gold", "candidates", "verified", "full"))}


class Eraser:
    """Takes a person out of the versions of ``repository``, whose objects are in ``store``."""

    def __init__(self, store: ObjectStore, repository: DatasetRepository) -> None:
        self._store, self._repository = store, repository

    def holdings(self, family: str, whose: Whose, columns: Sequence[str] = ()) -> list[list[Holding]]:
        """The revisions that can be read and hold or mention the person, by name, in the order to erase them.

        Raises:
            VersionCorrupt: a part cannot be read, so that nobody knows whether it holds the person.
        """
        gone = self._repository.gone_names(family)
        manifests = [one for one in self._repository.list(family) if one.name not in gone]
        manifests.sort(key=lambda one: (_ORDER[one.stage], one.period, one.revision))
        by_name: dict[str, list[Holding]] = {}
        for holding in find_holdings(self._store, manifests, whose, columns):
            by_name.setdefault(holding.manifest.series, []).append(holding)
        return list(by_name.values())

    def erase(self, holdings: Sequence[Holding], whose: Whose, *, label: str, split: str) -> Manifest:
        """Take the person out of one name, of which these are all ``holdings``; what is read of it from now on.

        :meth:`purge` is due afterwards.
        """
        first = holdings[0].manifest
        latest = self._repository.manifest(first.family, first.stage, first.period)
        for holding in holdings:
            if holding.manifest == latest:
                refs = self._instead(latest)
                draft = rewritten(self._store, holding, whose, label=label, split=split, refs=refs)
                latest = self._repository.commit(draft).manifest
        for holding in holdings:
            self._mark(holding.manifest, latest)
        return latest

    def purge(self, family: str) -> tuple[int, int]:
        """Delete the parts of ``family`` that no readable revision names; (how many, their bytes).

        They are those of erased revisions, and what killed writers left. Only while nobody publishes.
        """
        prefix = f"{naming.PARTS}{family}/"
        listed = [info for info in self._store.list(prefix) if naming.series_of_part(info.key)]
        named = self._repository.named_parts()
        doomed = [info for info in listed if info.key not in named]
        for info in doomed:
            self._store.delete(info.key)
        return len(doomed), sum(info.size for info in doomed)

    def _instead(self, manifest: Manifest) -> dict[str, VersionRef]:
        """Of what ``manifest`` was built from: name of an erased revision -> the latest one of its name."""
        erased = self._repository.erased_names(manifest.family)
        return {
            ref.name: self._repository.manifest(ref.family, ref.stage, ref.period).ref
            for ref in manifest.built_from
            if ref.name in erased
        }

    def _mark(self, manifest: Manifest, instead: Manifest) -> None:
        key = naming.erased_key(manifest.family, manifest.stage, manifest.period, manifest.revision)
        self._store.put(key, f"{json.dumps({'instead': instead.name})}\n".encode())
