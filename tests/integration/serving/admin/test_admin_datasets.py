"""Dataset pages, roles and absent tools over HTTP, on a library of versions in a real database and store."""

from __future__ import annotations

import io
import time
import zipfile

import pyarrow.parquet as pq
from sqlalchemy import Engine

from config.settings import Settings
from storage.datasets.eraser import Eraser
from storage.datasets.erasing import Whose
from storage.datasets.repository import DatasetRepository
from storage.objects import open_store
from storage.versions import record_version
from tests.admin_world import publish_face
from tests.integration.serving.admin.conftest import AT, Library, Visitor, token

FOR_ADMINS = ["/accounts", "/runs/start/collect-daily", "/models/viral/1/promote", "/models/viral/rollback"]
FOR_VERIFIERS = ["/datasets/viral/full/2026-10/download", "/datasets/viral/full/2026-10/parts/1"]


def test_each_role_may_what_it_says(library: Library) -> None:
    clients = {role: library.visitor(role) for role in ("viewer", "verifier", "admin")}

    def refused(role: str, paths: list[str]) -> list[str]:
        return [path for path in paths if clients[role].get(path).status_code == 403]

    assert refused("viewer", FOR_ADMINS + FOR_VERIFIERS) == FOR_ADMINS + FOR_VERIFIERS
    assert refused("verifier", FOR_ADMINS + FOR_VERIFIERS) == FOR_ADMINS
    assert refused("admin", FOR_ADMINS + FOR_VERIFIERS) == []
    for path in ("/models/viral/rollback", "/models/viral/1/promote", "/runs/start/collect-daily", "/accounts"):
        data = {"csrf": token(clients["verifier"]), "reason": "because"}
        assert clients["verifier"].post(path, data=data).status_code == 403


def test_with_mlflow_and_prefect_away_every_page_answers_soon_and_says_so(library: Library) -> None:
    client = library.visitor("admin")
    for path in ("/", "/runs", "/models", "/models/viral"):
        began = time.monotonic()
        answer = client.get(path)
        assert time.monotonic() - began < 3.5, path
        assert answer.status_code == 200, path
        assert "Away:" in answer.text, path
    assert client.get("/models/viral/1").status_code == 503
    assert "MLflow at" in client.get("/models/viral/1").text
    assert client.get("/runs/start/collect-daily").status_code == 503
    assert client.get("/datasets").status_code == 200


def test_a_version_shows_rows_classes_lineage_and_what_changed(library: Library) -> None:
    made = library.made
    client = library.visitor("viewer")
    second = made["viral/verified/2026-10.r2"]

    page = client.get("/datasets/viral/verified/2026-10").text
    assert f"{second.rows:,}" in page
    assert all(name in page for name in second.classes)
    assert 'href="/datasets/viral/candidates/2026-10-07.r1"' in page
    assert "31 versions, 2026-10-01 to 2026-10-31" in page
    assert '<th scope="row">bea</th>' in page

    first = client.get("/datasets/viral/verified/2026-10.r1").text
    assert "superseded by" in first
    difference = client.get("/datasets/viral/verified/2026-10/diff?from=viral/verified/2026-10.r1&fragment")
    added = second.rows - made["viral/verified/2026-10"].rows
    assert f"<dt>Added</dt><dd>{added}</dd>" in difference.text
    assert client.get("/datasets/viral/full").headers["location"] == "/datasets/viral/full/2026-10"
    assert client.get("/datasets/viral/full/2019-01").status_code == 404
    assert client.get("/datasets/cats").status_code == 422
    assert client.get("/datasets/viral/preview?month=2026-13").status_code == 422


def test_days_are_folded_under_their_month(library: Library) -> None:
    page = library.visitor("viewer").get("/datasets/viral").text
    assert page.count("<tr>") < 12
    assert page.count('href="/datasets/viral/candidates/2026-10-') == 31
    assert '<details class="days"><summary>31 days</summary>' in page


def test_the_preview_tells_what_the_month_would_have_and_publishes_nothing(library: Library) -> None:
    repository = DatasetRepository(open_store(library.settings))
    client = library.visitor("viewer")
    page = client.get("/datasets/viral/preview?month=2026-10&fragment").text
    assert "Verified 2026-10" in page
    assert "<dt>Confirmed</dt><dd>3</dd>" in page
    assert "<dt>Rejected</dt><dd>2</dd>" in page
    empty = client.get("/datasets/viral/preview?month=2026-09&fragment").text
    assert "Verified 2026-09" in empty
    assert "Missing" not in page + empty  # what was decided is about another month
    assert [one.name for one in repository.list()] == sorted(one.name for one in library.made.values())


def test_an_erased_revision_says_so_and_leads_to_the_one_to_read(
    settings: Settings, engine: Engine, visitor: Visitor
) -> None:
    made = publish_face(settings, engine, photos=8)
    store = open_store(settings)
    repository = DatasetRepository(store)
    old = made["face/full/2026-10"]
    person = str(repository.table(old, ["user_id"])["user_id"][-1])
    eraser, whose = Eraser(store, repository), Whose("user_id", person)
    for holdings in eraser.holdings("face", whose):
        new = eraser.erase(holdings, whose, label="label", split="split")
        record_version(engine, new, "forget", AT)
    eraser.purge("face")

    client = visitor("verifier")
    shown = client.get("/datasets/face/full/2026-10.r1").text
    assert "a person in it was forgotten" in shown
    assert 'Read <a href="/datasets/face/full/2026-10.r2">' in shown
    assert "download" not in shown
    assert "/diff?" not in shown
    assert "<title>face/full/2026-10.r1 ·" in shown
    for path in ("download", "parts/1", "diff?from=face/gold/base.r1"):
        answer = client.get(f"/datasets/face/full/2026-10.r1/{path}")
        assert answer.status_code == 410, path
        assert "a person in it was forgotten" in answer.text
    assert client.get("/datasets/face/full/2026-10/diff?from=face/full/2026-10.r1").status_code == 410
    latest = client.get("/datasets/face/full/2026-10").text
    assert "<title>face/full/2026-10.r2 ·" in latest
    assert "/diff?from=face/full/2026-10.r1" not in latest
    assert client.get("/datasets/face/full/2026-10/download").status_code == 200


def test_a_download_holds_the_rows(library: Library) -> None:
    made = library.made["viral/full/2026-10"]
    client = library.visitor("verifier")
    answer = client.get("/datasets/viral/full/2026-10.r1/download")
    assert answer.headers["content-disposition"] == 'attachment; filename="viral-full-2026-10.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        names = [name for name in archive.namelist() if name.endswith(".parquet")]
        rows = sum(pq.read_table(io.BytesIO(archive.read(name))).num_rows for name in names)
    assert rows == made.rows
    part = client.get("/datasets/viral/full/2026-10.r1/parts/1")
    assert int(part.headers["content-length"]) == made.parts[0].size == len(part.content)
    assert client.get("/datasets/viral/full/2026-10.r1/parts/9").status_code == 404


def test_only_what_may_be_otherwise_next_time_can_be_tried_again(library: Library) -> None:
    client = library.visitor("viewer")
    for path, status in (("/nowhere", 404), ("/accounts", 403), ("/models/viral/1", 503)):
        answer = client.get(path)
        assert answer.status_code == status
        assert ("Try again" in answer.text) is (status == 503), path
