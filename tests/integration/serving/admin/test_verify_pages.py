"""The verify page and its photos over HTTP, on a real database and a real store."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from sqlalchemy import Engine, text

from config.settings import Settings
from serving.admin.parts import PATIENCE_SECONDS
from storage.admin_sessions import find_session
from storage.candidates import Candidate, Filter, counts, decide_many, index_candidates, page
from storage.database import transaction
from storage.moderation_images import store_image
from storage.objects import open_store
from storage.reviews import candidate_key
from tests.verify_world import DAY, index_photos, index_rows, photo, photo_row, served, session_cookie

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)


class Visitor:
    """Somebody who is logged in."""

    def __init__(self, client: httpx.Client, engine: Engine, name: str, role: str) -> None:
        cookie = session_cookie(engine, name, role)
        session = find_session(engine, cookie["value"], at=datetime.now(UTC))
        assert session is not None
        self.client, self.token = client, session.csrf
        self.headers = {"cookie": f"{cookie['name']}={cookie['value']}"}

    def get(self, path: str) -> Any:
        return self.client.get(path, headers=self.headers, follow_redirects=False)

    def post(self, path: str, body: dict[str, Any], **headers: str) -> Any:
        return self.client.post(
            path, json=body, headers={**self.headers, "x-csrf-token": self.token, **headers}
        )

    def decide(self, decision: str, *pairs: tuple[int, int], family: str = "face", **more: Any) -> Any:
        body = {"decision": decision, "candidates": [list(pair) for pair in pairs], **more}
        return self.post(f"/verify/{family}/decisions", body)


@pytest.fixture
def client(settings: Settings, engine: Engine) -> Iterator[httpx.Client]:
    index_photos(settings, engine, 8, pictures=4)
    with served(settings) as pages, httpx.Client(base_url=pages.url, trust_env=False) as made:
        yield made


@pytest.fixture
def ana(client: httpx.Client, engine: Engine) -> Visitor:
    return Visitor(client, engine, "ana", "verifier")


def waiting(engine: Engine, family: str = "face") -> list[Candidate]:
    return page(engine, Filter(family), limit=100)


def test_the_list_comes_in_pieces_that_join(ana: Visitor, engine: Engine) -> None:
    seen: list[int] = []
    after = ""
    while True:
        piece = ana.get(f"/verify/face/candidates?limit=3&after={after}").json()
        seen += [one["id"] for one in piece["candidates"]]
        after = piece["next"]
        if after is None:
            break
    assert seen == [one.id for one in waiting(engine)]


def test_a_decision_is_told_with_what_the_candidate_is_now(ana: Visitor, engine: Engine) -> None:
    first, second, *_ = waiting(engine)
    answer = ana.decide("correct", (first.id, 0), (second.id, 0), label="Melting")
    assert answer.status_code == 200
    told = answer.json()["outcomes"][0]["candidate"]
    assert (told["state"], told["corrected"], told["by"], told["revision"]) == ("correct", "Melting", "ana", 1)
    assert ana.get("/verify/face/progress").json()["today"] == 2


def test_a_conflict_is_a_409_that_says_who_was_first(
    ana: Visitor, client: httpx.Client, engine: Engine
) -> None:
    first = waiting(engine)[0]
    bea = Visitor(client, engine, "bea", "admin")
    assert ana.decide("reject", (first.id, 0)).status_code == 200
    answer = bea.decide("accept", (first.id, 0))
    assert answer.status_code == 409
    told = answer.json()["outcomes"][0]
    assert (told["decided"], told["candidate"]["by"], told["candidate"]["state"]) == (False, "ana", "reject")
    assert bea.decide("accept", (first.id, 1)).status_code == 200


def test_a_decision_that_is_sent_twice_counts_once(ana: Visitor, engine: Engine) -> None:
    first = waiting(engine)[0]
    assert [ana.decide("accept", (first.id, 0)).status_code for _ in range(2)] == [200, 200]
    assert [ana.decide("withdraw", (first.id, 1)).status_code for _ in range(2)] == [200, 200]
    with transaction(engine) as connection:
        assert connection.execute(text("select decision from reviews order by id")).scalars().all() == [
            "accept",
            "withdraw",
        ]


def test_a_candidate_of_another_family_is_left_alone(ana: Visitor, engine: Engine) -> None:
    index_rows(engine, 1, 0)
    row = waiting(engine, "viral")[0]
    assert ana.decide("reject", (row.id, 0)).json() == {"outcomes": []}
    assert waiting(engine, "viral")[0].revision == 0


SENSELESS: list[dict[str, Any]] = [
    {},
    {"decision": "accept", "candidates": []},
    {"decision": "accept", "candidates": [[1]]},
    {"decision": "accept", "candidates": [[1, "0"]]},
    {"decision": "accept", "candidates": [[True, 0]]},
    {"decision": "maybe", "candidates": [[1, 0]]},
    {"decision": "correct", "candidates": [[1, 0]]},
    {"decision": "correct", "label": "Nobody", "candidates": [[1, 0]]},
    {"decision": "accept", "candidates": [[1, 0]] * 1001},
    {"decision": "accept", "candidates": [[2**70, 0]]},
]


def test_a_request_that_makes_no_sense_is_a_422(ana: Visitor) -> None:
    for body in SENSELESS:
        answer = ana.post("/verify/face/decisions", body)
        assert answer.status_code == 422, body
        assert answer.json()["detail"]


def test_only_those_who_may_decide(ana: Visitor, client: httpx.Client, engine: Engine) -> None:
    first = waiting(engine)[0]
    vera = Visitor(client, engine, "vera", "viewer")
    assert vera.get("/verify/face").status_code == 200
    assert vera.decide("accept", (first.id, 0)).status_code == 403
    assert vera.post("/verify/face/bulk", {"decision": "accept"}).status_code == 403
    body = {"decision": "accept", "candidates": [[first.id, 0]]}
    assert ana.post("/verify/face/decisions", body, **{"x-csrf-token": "forged"}).status_code == 403
    assert ana.post("/verify/face/decisions", body, origin="https://evil.example").status_code == 403
    assert client.post("/verify/face/decisions", json=body).status_code == 401
    assert client.get("/media/photo/1").status_code == 401
    assert len(waiting(engine)) == 8


def test_a_whole_filter_is_decided_in_steps(
    ana: Visitor, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.admin.verify_decide.STEP", 2)
    index_rows(engine, 5, 3)
    kind = "Views fell from N to N by the horizon."
    bea_was_first = waiting(engine, "viral")[2]
    done, conflicts, after, steps = [], 0, None, 0
    while True:
        answer = ana.post(f"/verify/viral/bulk?reason={kind}", {"decision": "reject", "after": after}).json()
        steps += 1
        done += answer["decided"]
        conflicts += answer["conflicts"]
        after = answer["after"]
        if steps == 1:
            decide_many(engine, [(bea_was_first.id, 0)], "accept", by="bea", at=AT)
        if after is None:
            break
    assert (len(done), conflicts, steps) == (4, 0, 3)  # hers is no longer among those that wait
    assert counts(engine, Filter("viral", state="any")).by_state["reject"] == 4
    assert (
        ana.decide("withdraw", *[(one, revision) for one, revision in done], family="viral").status_code == 200
    )
    assert len(waiting(engine, "viral")) == 7


def test_what_is_decided_already_is_not_decided_in_bulk(ana: Visitor) -> None:
    for state in ("accept", "any", "reject"):
        answer = ana.post(f"/verify/face/bulk?state={state}", {"decision": "reject"})
        assert answer.status_code == 422


def test_an_unreadable_filter_decides_nothing(ana: Visitor, engine: Engine) -> None:
    assert ana.post("/verify/face/bulk?when=soon", {"decision": "reject"}).status_code == 422
    assert len(waiting(engine)) == 8


def test_a_page_whose_address_makes_no_sense_says_so_and_goes_on_without(ana: Visitor) -> None:
    shown = ana.get("/verify/face?when=2026-13&least=abc&state=bogus&class=Warm").text
    for wrong in ("2026-13", "abc", "bogus"):
        assert shown.count(wrong) == 1, wrong  # in the notice, and not in the form
    assert shown.count("Left out of the filter:") == 3
    query = json.loads(shown.split('id="verify-data">')[1].split("</script>")[0])["query"]
    assert query == "class=Warm"
    assert ana.get(f"/verify/face/progress?{query}").status_code == 200


def test_a_family_that_is_none_is_a_404(ana: Visitor) -> None:
    assert ana.get("/verify/nothing").status_code == 404


def test_the_first_page_leads_to_the_family_that_is_all_verified(ana: Visitor) -> None:
    answer = ana.get("/verify")
    assert (answer.status_code, answer.headers["location"]) == (303, "/verify/face")


def test_text_of_strangers_is_text(ana: Visitor, engine: Engine) -> None:
    index_rows(engine, 1, 0)
    with transaction(engine) as connection:
        connection.execute(text("update candidates set entity = '</script><script>alert(1)</script>'"))
    shown = ana.get("/verify/face").text
    assert "<script>alert" not in shown


# -- photos -------------------------------------------------------------------------------------------------


def test_a_photo_is_encoded_anew_without_what_else_was_in_the_file(
    ana: Visitor, settings: Settings, engine: Engine
) -> None:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    exif[0x0112] = 6  # on its side
    picture = Image.fromarray(np.zeros((300, 600, 3), np.uint8))
    picture.save(out, "JPEG", exif=exif, comment=b"<script>alert(1)</script>")
    first = waiting(engine)[0]
    open_store(settings, settings.style_photo_bucket).put(str(first.image), out.getvalue())
    answer = ana.get(f"/media/photo/{first.id}?size=100")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"].startswith("private, max-age=")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert b"secret" not in answer.content
    assert b"script" not in answer.content
    assert Image.open(io.BytesIO(answer.content)).size == (80, 160)


def test_a_photo_is_kept_in_memory_until_its_candidate_is_gone(
    ana: Visitor, settings: Settings, engine: Engine
) -> None:
    first = waiting(engine)[0]
    photos = open_store(settings, settings.style_photo_bucket)
    before = ana.get(f"/media/photo/{first.id}?size=320").content
    photos.delete(str(first.image))
    assert ana.get(f"/media/photo/{first.id}?size=320").content == before
    with transaction(engine) as connection:
        connection.execute(text("delete from candidates where id = :id"), {"id": first.id})
    gone = ana.get(f"/media/photo/{first.id}?size=320")
    assert gone.status_code == 404
    assert b"gone" in gone.content


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        (None, 404, "no longer in the store"),
        (b"<svg onload=alert(1)>", 422, "Cannot be shown"),
        (b"", 422, "Cannot be shown"),
        (photo(1)[:3000], 422, "Cannot be shown"),
        (b"x" * 20_000, 422, "file too large"),
    ],
)
def test_what_cannot_be_shown_is_drawn_as_its_reason(
    engine: Engine, settings: Settings, data: bytes | None, status: int, said: str
) -> None:
    small = settings.model_copy(update={"image_max_bytes": 16_384})
    index_photos(small, engine, 1, pictures=0)
    found = waiting(engine)[0]
    if data is not None:
        open_store(small, small.style_photo_bucket).put(str(found.image), data)
    with served(small) as pages, httpx.Client(base_url=pages.url, trust_env=False) as client:
        answer = Visitor(client, engine, "ana", "viewer").get(f"/media/photo/{found.id}")
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("image/svg+xml")
    words = " ".join(part.split("<")[0] for part in answer.text.split(">"))
    assert said in " ".join(words.split())


def test_sizes_are_few(ana: Visitor, engine: Engine) -> None:
    first = waiting(engine)[0]
    widths = [
        Image.open(io.BytesIO(ana.get(f"/media/photo/{first.id}?size={size}").content)).width
        for size in (1, 160, 161, 99999)
    ]
    assert widths == [160, 160, 192, 192]
    assert ana.get(f"/media/photo/{first.id}?size=x").status_code == 422
    assert ana.get(f"/media/photo/{10**30}").status_code == 404


def test_a_store_that_never_answers_holds_up_photos_for_a_moment_and_nothing_else(
    settings: Settings, engine: Engine
) -> None:
    index_photos(settings, engine, 60, pictures=0)
    with socket.create_server(("127.0.0.1", 0), backlog=200) as mute:
        where = {
            "minio_endpoint": f"http://127.0.0.1:{mute.getsockname()[1]}", "minio_root_user": "x",
            "minio_root_password": type(settings.db_password)("a secret"),
        }  # fmt: skip
        with (
            served(settings.model_copy(update=where)) as pages,
            httpx.Client(base_url=pages.url, trust_env=False, timeout=60) as client,
            ThreadPoolExecutor(60) as pool,
        ):
            visitor = Visitor(client, engine, "ana", "verifier")
            begun = monotonic()
            addresses = [f"/media/photo/{one.id}?size=160" for one in page(engine, Filter("face"), limit=60)]
            photos = [pool.submit(visitor.get, address) for address in addresses]
            assert visitor.get("/verify/face").status_code == 200
            assert {photo.result().status_code for photo in photos} == {503}
            assert monotonic() - begun < 5 * PATIENCE_SECONDS


# -- photos that cannot be opened ---------------------------------------------------------------------------


def unopened(engine: Engine) -> Candidate:
    """One more photo, of which no picture could be opened."""
    values = {"probabilities": {"Soft": 0.6}, "model_version": "3"}
    next_day = DAY + timedelta(days=1)
    index_candidates(engine, "face", next_day, f"face/candidates/{next_day}", [photo_row(8, values=values)])
    return next(one for one in waiting(engine) if "width" not in one.values)


@pytest.mark.parametrize("decision", [{"decision": "accept"}, {"decision": "correct", "label": "Warm"}])
def test_what_cannot_be_opened_is_neither_confirmed_nor_corrected(
    ana: Visitor, engine: Engine, decision: dict[str, str]
) -> None:
    blank = unopened(engine)
    answer = ana.post("/verify/face/decisions", {**decision, "candidates": [[blank.id, 0]]})
    assert answer.status_code == 422
    assert "no picture that can be opened" in answer.json()["detail"]
    whole = ana.post("/verify/face/bulk", decision).json()
    assert (len(whole["decided"]), whole["unfit"], whole["conflicts"]) == (8, 1, 0)
    assert [one.id for one in waiting(engine)] == [blank.id]
    assert ana.decide("reject", (blank.id, 0)).status_code == 200
    assert waiting(engine) == []


def test_a_photo_that_repeats_another_names_it_where_it_is_there(ana: Visitor, engine: Engine) -> None:
    first, day = waiting(engine)[0], DAY + timedelta(days=1)
    rows = [
        photo_row(number, values={"width": 192, "height": 192, "duplicate_of": of})
        for number, of in ((8, first.image), (9, "gold/1234"))
    ]
    index_candidates(engine, "face", day, f"face/candidates/{day}", rows)
    told = ana.get(f"/verify/face/candidates?when={day}").json()["candidates"]
    assert [one["twin"] for one in told] == [first.id, None]
    assert "twin" not in ana.get(f"/verify/face/candidates?when={DAY}").json()["candidates"][0]


def test_without_scripts_too_what_cannot_be_opened_has_no_button_to_confirm(
    ana: Visitor, engine: Engine
) -> None:
    blank = unopened(engine)
    shown = ana.get(f"/verify/face?focus={blank.id}").text
    assert 'value="accept" disabled' in shown
    assert 'value="correct:Warm" disabled' in shown
    assert 'value="reject" disabled' not in shown
    assert 'value="accept" disabled' not in ana.get("/verify/face").text


def test_pictures_of_moderation_come_from_their_own_bucket_and_are_blurred_until_asked_for(
    ana: Visitor, settings: Settings, engine: Engine
) -> None:
    key = store_image(settings, photo(1))
    row = photo_row(1, candidate=candidate_key([key]), image=key, label="nsfw", flag="a doubt", kind="a doubt")
    index_candidates(engine, "imagery", DAY, f"imagery/candidates/{DAY}", [row])
    shown = ana.get("/verify/imagery").text
    found = waiting(engine, "imagery")[0]
    assert f"/media/photo/{found.id}" in shown
    assert ana.get(f"/media/photo/{found.id}").headers["content-type"] == "image/jpeg"
    assert "v-veiled" in shown
    assert 'id="verify-unveil"' in shown
    assert "v-veiled" not in ana.get("/verify/face").text
