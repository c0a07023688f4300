"""A person is forgotten on a running platform; after the other stories, since no photo comes back."""

from __future__ import annotations

import base64
import time

import httpx

from config.settings import Settings
from tests.e2e.conftest import World, told


def test_a_forgotten_user_is_in_no_version_and_the_service_goes_on(settings: Settings, world: World) -> None:
    from storage.database import make_engine
    from storage.objects import open_store

    store = open_store(settings, settings.style_photo_bucket)
    user = sorted({info.key.split("/")[0] for info in store.list()})[0]
    photos = [store.get(info.key) for info in store.list(f"{user}/")]
    told(settings, "forget", "user", user, "--yes", "--reason", "asked by letter")
    kept = [
        path.read_bytes()
        for path in (settings.home / "objects" / settings.ml_artifacts_bucket).rglob("*")
        if path.is_file()
    ]
    assert not any(user.encode() in data for data in kept)
    assert not any(photo in data for photo in photos for data in kept)
    engine = make_engine(settings)
    try:
        with engine.connect() as connection:
            for table in ("candidates", "user_styles", "predictions", "image_hashes", "reviews"):
                found = connection.exec_driver_sql(
                    f"select count(*) from {table} t where t::text like '%%{user}%%'"
                )
                assert found.scalar_one() == 0, table
    finally:
        engine.dispose()
    body = {"images": [base64.b64encode(photos[0]).decode()]}
    assert httpx.post(f"http://127.0.0.1:{settings.face_port}/predict", json=body).status_code == 200


def test_the_list_of_somebody_who_was_forgotten_is_that_of_a_stranger(settings: Settings, world: World) -> None:
    user = world.feed.users[4]
    base = f"http://127.0.0.1:{settings.recommendation_port}/api/v1"
    key = settings.ml_api_key.get_secret_value() if settings.ml_api_key else ""
    with httpx.Client(headers={"X-API-Key": key}, timeout=30) as service:

        def known() -> int:
            return int(service.get(f"{base}/features/user/{user}").raise_for_status().json()["interactions"])

        assert known() > 0
        told(settings, "forget", "user", user, "--yes", "--reason", "asked by letter")
        deadline = time.monotonic() + 10
        while known():
            assert time.monotonic() < deadline, "the service still tells what they did"
            time.sleep(0.5)
        answer = service.post(f"{base}/recommend", json={"user_id": user}).raise_for_status().json()
    assert not any(one["because"] for one in answer["items"])
