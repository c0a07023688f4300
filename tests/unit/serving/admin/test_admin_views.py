"""What the pages work out before a template shows it."""

from __future__ import annotations

import io
import threading
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from starlette.datastructures import FormData

from config.errors import AssayError, InputError, RegistryUnavailable, VersionCorrupt
from models.family import get_family
from serving.admin import formats, markdown
from serving.admin.asking import ask, problems, together
from serving.admin.charts import bars, stack
from serving.admin.dataset_download import _bytes, _zipped
from serving.admin.dataset_index import family_months
from serving.admin.errors import STATUS, status_of
from serving.admin.model_figures import side_by_side
from serving.admin.run_form import fields, parameters
from storage.datasets.manifest import Manifest
from storage.datasets.repository import DatasetRepository
from storage.objects_local import LocalStore
from storage.versions import RecordedVersion
from tasks.flow_records import Deployment, parse_deployment

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "–"),
        (0.93, "0.93"),
        (0.123456, "0.1235"),
        (1234567.0, "1,234,567"),
        (2, "2"),
        (float("nan"), "–"),
    ],
)
def test_figures_are_short(value: float | None, written: str) -> None:
    assert formats.figure(value) == written


def test_differences_carry_their_sign() -> None:
    assert [formats.signed(value) for value in (0.5, -0.5, 0.0, None)] == ["+0.5", "−0.5", "±0", "–"]


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (20, "just now"),
        (60, "1 minute ago"),
        (7200, "2 hours ago"),
        (86400 * 3, "3 days ago"),
        (-7200, "in 2 hours"),
    ],
)
def test_times_are_told_as_people_do(seconds: int, written: str) -> None:
    assert formats.ago(NOW - timedelta(seconds=seconds), NOW) == written


def test_sizes_and_durations() -> None:
    assert [formats.size(value) for value in (0, 1536, 5 << 30)] == ["0 B", "1.5 KB", "5.0 GB"]
    assert [formats.duration(value) for value in (5, 65, 3725, 200_000)] == [
        "5 s",
        "1 min 05 s",
        "1 h 02 min",
        "2 d 7 h",
    ]


def test_bars_are_as_long_as_their_share_of_the_longest() -> None:
    found = bars({"low": 25, "high": 50, "ultra": 25})
    assert [(bar.name, bar.length, bar.share) for bar in found] == [
        ("high", 100, 0.5), ("low", 50, 0.25), ("ultra", 50, 0.25),
    ]  # fmt: skip
    assert bars({}) == []


def test_the_pieces_of_a_split_fill_the_bar_in_the_usual_order() -> None:
    found = stack({"test": 10, "train": 80, "valid": 10})
    assert [(piece.name, piece.start, piece.length) for piece in found] == [
        ("train", 0, 80), ("valid", 80, 10), ("test", 90, 10),
    ]  # fmt: skip


def recorded(stage: str, period: str, revision: int = 1, rows: int = 10) -> RecordedVersion:
    return RecordedVersion("viral", stage, period, revision, "a" * 64, rows, NOW, None, "test")


def test_months_come_first_and_hold_the_latest_revision_of_each_day() -> None:
    versions = [recorded("candidates", f"2026-10-{day:02}") for day in range(1, 32)]
    versions += [
        recorded("candidates", "2026-10-07", 2, rows=12),
        recorded("gold", "base"),
        recorded("full", "2026-09"),
    ]
    versions += [RecordedVersion("face", "full", "2026-11", 1, "a" * 64, 1, NOW, None, "test")]

    months = family_months("viral", versions)

    assert [month.month for month in months] == ["2026-10", "2026-09", "base"]
    assert len(months[0].days) == 31
    assert months[0].candidates == 312
    assert months[0].days[0].period == "2026-10-31"
    assert months[2].gold is not None


def test_each_error_has_a_status() -> None:
    assert status_of(RegistryUnavailable("away")) == 503
    assert status_of(InputError("no")) == 422
    assert STATUS[-1][0] is AssayError, "the root comes last, so that every error has one"


def test_parts_are_asked_at_once_and_each_problem_is_told_once() -> None:
    def away() -> None:
        raise RegistryUnavailable("MLflow is away.")

    answers = together(lambda: 1, away, away)
    assert [answer.value for answer in answers] == [1, None, None]
    assert [problem.message for problem in problems(*answers)] == ["MLflow is away."]
    assert ask(lambda: 2).here


def test_a_part_that_never_answers_keeps_nobody_waiting() -> None:
    silent = threading.Event()
    answers = together(lambda: silent.wait(20), lambda: 2, patience=0.1)
    silent.set()
    assert answers[1].value == 2
    assert "has not answered" in str(answers[0].problem)


def test_a_fault_is_not_taken_for_a_part_that_is_away() -> None:
    with pytest.raises(ZeroDivisionError):
        ask(lambda: 1 / 0)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![](https://evil.example/x.png)",
        "[click](javascript:alert(1))",
    ],
)
def test_reports_can_do_nothing(text: str) -> None:
    html = str(markdown.report(text))
    assert "<script" not in html
    assert "<img" not in html
    assert 'href="javascript' not in html


def test_reports_keep_their_tables_without_inline_styles() -> None:
    html = str(markdown.report("## Rows\n\n| a | b |\n| :-- | --: |\n| 1 | 2 |"))
    assert "<h2>Rows</h2>" in html
    assert "<td>2</td>" in html
    assert "style" not in html


def test_several_versions_are_compared_with_the_first() -> None:
    def answer(b: float | None) -> dict[str, object]:
        difference = None if b is None else b - 0.5
        return {"metrics": [{"name": "macro_f1", "a": 0.5, "b": b, "difference": difference}]}

    (row,) = side_by_side(get_family("viral"), [answer(0.75), answer(None)])
    assert row.values == (0.5, 0.75, None)
    assert row.differences == (None, 0.25, None)
    assert row.primary


def deployment(**fixed: object) -> Deployment:
    optional = [{"type": "null"}]
    properties = {
        "families": {"anyOf": [{"type": "array", "items": {"type": "string"}}, *optional], "position": 2},
        "date": {"anyOf": [{"type": "string", "format": "date"}, *optional], "position": 0,
                 "description": "the day"},
        "until": {"anyOf": [{"type": "string", "format": "date"}, *optional], "position": 1},
        "family": {"type": "string", "position": 3},
        "limit": {"anyOf": [{"type": "integer"}, *optional], "position": 4},
        "force": {"type": "boolean", "position": 5},
        "params": {"anyOf": [{"type": "object"}, *optional], "position": 6},
    }  # fmt: skip
    return parse_deployment(
        {"id": "1", "name": "x", "parameters": fixed, "parameter_openapi_schema": {"properties": properties}}
    )


def test_a_form_is_made_from_what_the_flow_takes_but_for_what_is_fixed() -> None:
    found = fields(deployment(family="viral"))
    assert [(field.name, field.kind) for field in found] == [
        ("date", "date"), ("until", "date"), ("families", "choices"), ("limit", "number"),
        ("force", "checkbox"),
    ]  # fmt: skip
    assert found[0].description == "The day"
    assert found[2].choices[0] == "viral"


def test_a_form_gives_typed_parameters_and_leaves_the_empty_ones_to_the_flow() -> None:
    form = FormData(
        [("date", "2026-10-01"), ("until", ""), ("families", "viral"), ("families", "face"), ("limit", "50"),
         ("params", "{}"), ("strange", "1")]
    )  # fmt: skip
    found = parameters(deployment(family="viral"), form)
    assert found == {"date": "2026-10-01", "families": ["viral", "face"], "limit": 50}


@pytest.mark.parametrize(
    "given",
    [{"date": "2026-13-01"}, {"until": "2026-10-01"}, {"date": "2026-10-02", "until": "2026-10-01"},
     {"limit": "many"}, {"families": "cats"}],
)  # fmt: skip
def test_a_form_that_does_not_fit_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(InputError):
        parameters(deployment(), FormData(given))


@pytest.fixture
def version(tmp_path: Path) -> tuple[LocalStore, Manifest]:
    store = LocalStore(tmp_path / "objects")
    schema = pa.schema([("id", pa.int64()), ("label", pa.string())])
    rows = pa.table({"id": range(5000), "label": ["a", "b"] * 2500}, schema=schema)
    published = DatasetRepository(store, part_bytes=10_000).publish(
        family="viral", stage="full", period="2026-10", schema=schema, made_by="test", label="label",
        split=None, batches=rows.to_batches(max_chunksize=500),
    )  # fmt: skip
    return store, published.manifest


def test_a_download_is_a_zip_of_the_manifest_and_all_parts(version: tuple[LocalStore, Manifest]) -> None:
    store, manifest = version
    data = b"".join(_zipped(store, manifest))
    assert data == b"".join(_zipped(store, manifest)), "the same version gives the same zip"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.read("manifest.json") == manifest.to_bytes()
        names = [name for name in archive.namelist() if name.endswith(".parquet")]
        assert [archive.read(name) for name in names] == [store.get(part.key) for part in manifest.parts]
        assert names[0] == "viral-full-2026-10-part-0001.parquet"


def test_a_damaged_part_is_never_given_whole(version: tuple[LocalStore, Manifest]) -> None:
    store, manifest = version
    part = manifest.parts[0]
    data = bytearray(store.get(part.key))
    data[len(data) // 2] ^= 1
    store.put(part.key, bytes(data))
    given: list[bytes] = []
    with pytest.raises(VersionCorrupt, match="damaged"):
        given.extend(_bytes(store, manifest, part))
    assert sum(map(len, given)) < part.size
