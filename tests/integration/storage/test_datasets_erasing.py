"""A person is taken out of all versions of a family, on either store."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from config.errors import StoreUnavailable, VersionCorrupt, VersionErased
from storage.datasets import DatasetRepository, Manifest
from storage.datasets.eraser import Eraser
from storage.datasets.erasing import Whose
from storage.objects import ObjectStore

SCHEMA = pa.schema(
    [
        pa.field("photo", pa.string(), nullable=False),
        ("user_id", pa.string()),
        ("flag", pa.string()),
        ("label", pa.string()),
        ("split", pa.string()),
        ("image", pa.binary()),
    ]
)
ANNA = Whose("user_id", "anna", frozenset({"gold/7"}))


def picture(name: str) -> bytes:
    """Bytes that stand nowhere else, as the pictures of people."""
    return random.Random(name).randbytes(3000)


def photos(*names: str, flags: dict[str, str] | None = None) -> pa.Table:
    rows = [
        {
            "photo": name,
            "user_id": name.split("/")[0],
            "flag": (flags or {}).get(name),
            "label": "Soft" if "1" in name else "Warm",
            "split": "train",
            "image": picture(name),
        }
        for name in names
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


class World:
    """Versions of one family with a part for every few photos, and the bytes that lie in the store."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store
        self.datasets = DatasetRepository(store, part_bytes=1)
        self.eraser = Eraser(store, self.datasets)

    def publish(self, name: str, *tables: pa.Table, built_from: tuple[Manifest, ...] = ()) -> Manifest:
        stage, period = name.split("/")
        return self.datasets.publish(
            family="face", stage=stage, period=period, schema=SCHEMA,
            batches=[batch for table in tables for batch in table.to_batches()], made_by="tests",
            label="label", split="split", built_from=[one.ref for one in built_from], details={"read": 7},
        ).manifest  # fmt: skip

    def forget(self, whose: Whose = ANNA) -> None:
        for holdings in self.eraser.holdings("face", whose):
            self.eraser.erase(holdings, whose, label="label", split="split")
        self.eraser.purge("face")

    def everything(self) -> bytes:
        return b"".join(info.key.encode() + self.store.get(info.key) for info in self.store.list())

    def photos(self, name: str) -> dict[str, bytes]:
        table = self.datasets.table(self.datasets.find(f"face/{name}"))
        return dict(zip(table["photo"].to_pylist(), table["image"].to_pylist(), strict=True))


@pytest.fixture
def world(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> World:
    # a row group, and so a part, for every photo
    monkeypatch.setattr(
        "storage.datasets.chunking.row_groups.__kwdefaults__", {"group_bytes": 1, "group_rows": 1}
    )
    return World(store)


def test_no_byte_of_the_person_stays_and_everybody_else_is_as_before(world: World) -> None:
    world.publish("candidates/2026-10-01", photos("anna/1.jpg", "bob/1.jpg", "bob/2.jpg"))
    world.publish("full/2026-10", photos("anna/1.jpg", "anna/2.jpg", "bob/1.jpg"))
    world.publish("full/2026-11", photos("cy/1.jpg"))
    assert picture("anna/1.jpg") in world.everything()

    world.forget()

    left = world.everything()
    assert not [name for name in ("anna/1.jpg", "anna/2.jpg") if picture(name) in left]
    assert b"anna" not in left
    assert world.photos("candidates/2026-10-01") == {name: picture(name) for name in ("bob/1.jpg", "bob/2.jpg")}
    assert world.photos("full/2026-10") == {"bob/1.jpg": picture("bob/1.jpg")}
    assert world.datasets.find("face/full/2026-11").revision == 1


def test_the_next_revision_says_how_many_rows_went_and_what_it_is_now_built_from(world: World) -> None:
    day = world.publish("candidates/2026-10-01", photos("anna/1.jpg", "bob/1.jpg", "bob/2.jpg"))
    verified = world.publish("verified/2026-10", photos("anna/1.jpg", "bob/1.jpg"), built_from=(day,))

    world.forget()

    new_day = world.datasets.find("face/candidates/2026-10-01")
    new = world.datasets.find("face/verified/2026-10")
    assert (new.revision, new.supersedes) == (2, verified.ref.sha256)
    assert new.built_from == [new_day.ref]
    assert new_day.revision == 2
    assert new.details == {"read": 7, "erased": 1}
    assert (new.rows, new.classes, new.split) == (1, {"Soft": 1}, {"train": 1})
    assert new_day.classes == {"Soft": 1, "Warm": 1}


def test_every_revision_loses_the_person_also_one_that_is_not_the_latest(world: World) -> None:
    world.publish("full/2026-10", photos("anna/1.jpg", "bob/1.jpg"))
    world.publish("full/2026-10", photos("bob/1.jpg"))

    world.forget()

    assert world.datasets.find("face/full/2026-10").revision == 2
    first = world.datasets.find("face/full/2026-10.r1")
    with pytest.raises(VersionErased, match="The rows of revision 1 of face/full/2026-10 are gone: a person"):
        world.datasets.table(first)
    with pytest.raises(VersionErased):
        list(world.datasets.skim(first, ["photo"]))
    assert world.photos("full/2026-10") == {"bob/1.jpg": picture("bob/1.jpg")}


def test_parts_without_the_person_are_shared_and_stay_as_they_are(world: World) -> None:
    before = world.publish("full/2026-10", photos("anna/1.jpg", "bob/1.jpg", "cy/1.jpg"))

    world.forget()

    after = world.datasets.find("face/full/2026-10")
    assert after.parts == before.parts[1:]


def test_a_version_of_nobody_else_is_empty_and_can_be_read(world: World) -> None:
    world.publish("verified/2026-10", photos("anna/1.jpg", "anna/2.jpg"))

    world.forget()

    table = world.datasets.table(world.datasets.find("face/verified/2026-10"))
    assert (table.num_rows, table.schema) == (0, SCHEMA)


def test_the_names_of_the_persons_photos_in_flags_of_others_go_too(world: World) -> None:
    flags = {
        "bob/1.jpg": "exact duplicate of another photo: anna/1.jpg",
        "bob/2.jpg": "near duplicate of another photo (3 of 64 bits): gold/7",
        "bob/3.jpg": "exact duplicate of another photo: joanna/1.jpg",
        "bob/4.jpg": "no face was found",
    }
    world.publish("candidates/2026-10-01", photos(*flags, flags=flags))

    world.forget()

    manifest = world.datasets.find("face/candidates/2026-10-01")
    assert world.datasets.table(manifest)["flag"].to_pylist() == [
        "exact duplicate of another photo: a forgotten one",
        "near duplicate of another photo (3 of 64 bits): a forgotten one",
        "exact duplicate of another photo: joanna/1.jpg",
        "no face was found",
    ]
    assert manifest.details["erased"] == 0


def test_forgetting_again_or_forgetting_nobody_changes_nothing(world: World) -> None:
    world.publish("full/2026-10", photos("anna/1.jpg", "bob/1.jpg"))
    world.forget()
    before = world.everything()

    world.forget()
    world.forget(Whose("user_id", "nobody"))

    assert world.everything() == before


class Dies:
    """A store that goes away at its n-th change."""

    def __init__(self, store: ObjectStore, changes: int) -> None:
        self._store, self._left = store, changes

    def __getattr__(self, name: str) -> object:
        found = getattr(self._store, name)
        if name not in ("put", "create", "delete"):
            return found

        def change(*arguments: object) -> object:
            if self._left == 0:
                raise StoreUnavailable("The store went away.")
            self._left -= 1
            return found(*arguments)

        return change


@pytest.mark.parametrize("changes", range(9))
def test_one_that_was_cut_off_anywhere_is_completed_by_the_next(world: World, changes: int) -> None:
    world.publish("candidates/2026-10-01", photos("anna/1.jpg", "bob/1.jpg"))
    world.publish("full/2026-10", photos("anna/1.jpg", "bob/1.jpg"))
    world.publish("full/2026-10", photos("anna/1.jpg", "bob/1.jpg", "cy/1.jpg"))
    cut_off = World(world.store)
    cut_off.store = Dies(world.store, changes)  # type: ignore[assignment]
    cut_off.datasets = DatasetRepository(cut_off.store)
    cut_off.eraser = Eraser(cut_off.store, cut_off.datasets)

    with pytest.raises(StoreUnavailable):
        cut_off.forget()
    world.forget()

    assert b"anna" not in world.everything()
    assert picture("anna/1.jpg") not in world.everything()
    assert set(world.photos("full/2026-10")) == {"bob/1.jpg", "cy/1.jpg"}
    assert world.datasets.find("face/full/2026-10").revision == 3


def test_the_clean_up_copes_and_what_killed_writers_left_is_gone_at_once(world: World) -> None:
    world.publish("full/2026-10", photos("anna/1.jpg", "bob/1.jpg"))
    orphan = f"datasets/face/full/2026-10/{'0' * 64}.parquet"
    world.store.put(orphan, picture("anna/1.jpg"))

    world.forget()

    assert not world.store.exists(orphan)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert world.datasets.gc(older_than=timedelta(), as_of=tomorrow, delete=True) == []
    assert world.photos("full/2026-10") == {"bob/1.jpg": picture("bob/1.jpg")}
    assert [one.name for one in world.datasets.list("face")] == ["face/full/2026-10", "face/full/2026-10.r2"]


def test_a_part_that_cannot_be_read_is_no_reason_to_believe_that_it_holds_nobody(world: World) -> None:
    published = world.publish("full/2026-10", photos("bob/1.jpg"))
    world.store.put(published.parts[0].key, b"something else")

    with pytest.raises(VersionCorrupt, match=r"face/full/2026-10 is damaged"):
        world.forget()
