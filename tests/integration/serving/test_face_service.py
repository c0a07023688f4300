"""The face service as a process, with a real model, MLflow and PostgreSQL."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image
from sqlalchemy import Engine, text

from tests.face_world import CLASSES, portrait
from tests.integration.serving.conftest import KEY, KEY_HEADER, ROOT, Load, Platform, eventually, face_model

PHOTOS = [portrait(style, 11, 224) for style in range(3)]
TEXTS = [base64.b64encode(photo).decode() for photo in PHOTOS]
#: What a worker may take beside the model of a test; with torch it would be twice as much.
MOST_MEMORY = 400e6


def rows(engine: Engine, table: str) -> dict[str, Any]:
    with engine.connect() as connection:
        return {str(row.id): row for row in connection.execute(text(f"select * from {table}"))}


def test_every_endpoint_answers_from_the_promoted_version(face_platform: Platform, engine: Engine) -> None:
    version = face_platform.promote()
    service = face_platform.service
    service.start()

    asked = {"images": TEXTS, "user_id": "u-1", "photos": [f"u-1/{number}.jpg" for number in range(3)]}
    answer = service.client.post("/predict", json=asked).json()
    predictor = face_model()[0]
    for entry, photo in zip(answer["photos"], PHOTOS, strict=True):
        expected = predictor.answer_photo(photo)
        assert {name: entry[name] for name in expected} == expected
    assert (answer["model_version"], answer["count"]) == (version, 3)
    assert service.client.get("/classes").json() == {"classes": list(CLASSES), "model_version": version}
    info = service.client.get("/model/info", headers=KEY_HEADER).json()
    assert (info["model_version"], info["dataset"]) == (version, "face/full/2026-10")
    assert service.health()["status"] == "ok"
    for path in ("/docs", "/openapi.json", "/livez"):
        assert service.client.get(path).status_code == 200

    eventually(lambda: rows(engine, "user_styles"))
    prediction = rows(engine, "predictions")[answer["prediction_id"]]
    style = rows(engine, "user_styles")[answer["prediction_id"]]
    assert (prediction.family, prediction.entity_id, prediction.model_version) == ("face", "u-1", version)
    assert (style.user_id, style.photos, style.style_class) == ("u-1", asked["photos"], answer["class"])
    assert style.results == {"photos": answer["photos"]}
    assert style.at == prediction.at

    (worker,) = service.workers()
    assert "libtorch" not in Path(f"/proc/{worker}/maps").read_text()
    assert psutil.Process(worker).memory_info().rss < MOST_MEMORY
    assert service.stop() < 5
    entries = [json.loads(line) for line in service.log.read_text().splitlines()]
    assert len(entries) < 10
    assert not [entry for entry in entries if "/predict" in entry["message"]]


def test_over_the_wire_images_are_bounded_named_and_never_written_down(
    face_platform: Platform, engine: Engine
) -> None:
    face_platform.promote()
    service = face_platform.service
    service.start()
    mark = b"<<the marked bytes of somebody's portrait>>"
    marked = PHOTOS[0][:2] + b"\xff\xfe" + (len(mark) + 2).to_bytes(2, "big") + mark + PHOTOS[0][2:]
    bomb = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    images = [base64.b64encode(data).decode() for data in (marked, b"MZ not at all", bomb.getvalue())]
    answer = service.client.post("/predict", json={"images": images, "user_id": "u-1"}).json()
    assert [entry.get("error", {}).get("reason") for entry in answer["photos"]] == [
        None, "not an image", "too many pixels"
    ]  # fmt: skip
    assert service.client.post("/predict", json={"images": images[1:]}).status_code == 422
    assert service.client.post("/predict", json={"images": [images[0][:-30]]}).status_code == 422
    assert service.client.post("/predict", json={"images": images[0]}).status_code == 422
    too_large = service.client.post(
        "/predict",
        content=b" " * (service.settings.face_max_body_bytes + 1),
        headers={"content-type": "application/json"},
    )
    assert (too_large.status_code, too_large.headers["connection"]) == (413, "close")

    def pieces() -> Any:  # a body whose length is not said beforehand
        yield b'{"images": ["'
        yield images[0].encode()
        yield b'"]}'

    assert service.client.post("/predict", content=pieces()).status_code == 200
    eventually(lambda: len(rows(engine, "predictions")) == 2)
    service.stop()
    traces = [mark, *(base64.b64encode(mark[start:])[4:-4] for start in range(3))]
    kept = [path.read_bytes() for path in service.settings.home.rglob("*") if path.is_file()]
    kept += [
        str(row).encode() for table in ("predictions", "user_styles") for row in rows(engine, table).values()
    ]
    assert any(trace in images[0].encode() for trace in traces), "else nothing is proven"
    assert not any(trace in text for trace in traces for text in kept)


def test_a_promotion_under_load_fails_no_request_and_every_answer_is_kept_once(
    face_platform: Platform, engine: Engine
) -> None:
    first = face_platform.promote()
    service = face_platform.service
    service.start()

    def question(number: int) -> dict[str, Any]:
        return {"images": TEXTS[: 1 + number % 3], "user_id": f"u-{number}"}

    with Load(service.url, question=question) as answers:
        time.sleep(0.5)
        face_platform.database_gate.close()
        second = face_platform.promote()
        eventually(lambda: answers.versions[-1] == second)
        time.sleep(0.5)
        face_platform.database_gate.open()
    assert answers.failures == []
    assert set(answers.versions) == {first, second}
    eventually(lambda: set(rows(engine, "user_styles")) >= set(answers.ids), 20)
    assert set(rows(engine, "user_styles")) == set(rows(engine, "predictions")) == set(answers.ids)


def test_without_any_model_it_says_so_and_serves_the_first_that_comes(face_platform: Platform) -> None:
    service = face_platform.service
    service.start(ready=False)
    eventually(lambda: service.health()["registry"]["reachable"])
    answer = service.client.post("/predict", json={"images": TEXTS[:1]})
    assert answer.status_code == 503
    assert "no version has been promoted" in answer.json()["detail"]
    assert service.client.get("/classes").json() == {"classes": list(CLASSES), "model_version": None}
    version = face_platform.promote()
    eventually(lambda: service.client.post("/predict", json={"images": TEXTS[:1]}).status_code == 200)
    assert service.client.get("/classes").json()["model_version"] == version


@pytest.fixture
def photos(tmp_path: Path) -> list[str]:
    """Two photos, a text, and a file that is not there."""
    for number in range(2):
        (tmp_path / f"{number}.jpg").write_bytes(PHOTOS[number])
    (tmp_path / "notes.txt").write_text("no picture")
    return [str(tmp_path / name) for name in ("0.jpg", "1.jpg", "notes.txt", "gone.jpg")]


def test_the_command_line_asks_about_files_and_names_those_without_an_answer(
    face_platform: Platform, photos: list[str]
) -> None:
    version = face_platform.promote()
    service = face_platform.service
    service.start()

    def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "ML_API_KEY": KEY,
            "ASSAY_HOME": str(service.settings.home),
            "COLUMNS": "80",
        }
        command = [sys.executable, "-m", "cli", "predict", "face", *arguments, "--url", service.url]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    good = ask(*photos[:2])
    assert (good.returncode, good.stderr) == (0, "")
    assert all(name in good.stdout for name in ("0.jpg", "1.jpg", "together", f"model version   {version}"))
    assert max(map(len, good.stdout.splitlines())) <= 80
    mixed = ask(*photos, "--user", "u-1", "--json")
    assert mixed.returncode == 1
    assert "gone.jpg cannot be read: no such file or directory." in mixed.stderr
    found = json.loads(mixed.stdout)
    assert [Path(entry["file"]).name for entry in found["photos"]] == [
        "0.jpg",
        "1.jpg",
        "notes.txt",
        "gone.jpg",
    ]
    assert found["photos"][2]["error"]["reason"] == "not an image"
    assert (found["count"], found["model_version"]) == (2, version)
    none = ask(photos[2])
    assert none.returncode == 2
    assert "notes.txt cannot be used: not an image." in none.stderr
    assert "images[0]" not in none.stderr
