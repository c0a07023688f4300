"""The pages of moderation without a browser: the queue, reviews, pictures that stay blurred."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta

import httpx
import numpy as np
import pytest
from PIL import Image
from sqlalchemy import Engine, text

from config.settings import Settings
from serving.admin.moderation import PAGE
from storage.database import transaction
from storage.moderation import get_decision, review
from storage.moderation_trail import reviews_of
from tests.integration.serving.admin.conftest import Visitor, token
from tests.moderation_world import COMMENT, JOB, POST, VIDEO, fill

AT = datetime.now(UTC) - timedelta(hours=1)


@pytest.fixture(autouse=True)
def world(settings: Settings, engine: Engine) -> None:
    fill(settings, engine, AT, comments=PAGE + 5)


def post(client: httpx.Client, *fields: tuple[str, str]) -> httpx.Response:
    pairs: dict[str, list[str]] = {"csrf": [token(client)]}
    for name, value in fields:
        pairs.setdefault(name, []).append(value)
    return client.post("/moderation/review", data=pairs)


def cards(answer: httpx.Response) -> list[str]:
    """Ids of the decisions on a page of the queue."""
    assert answer.status_code == 200
    return re.findall(r'<h2 id="m-([^"]+)">', answer.text)


def test_appeals_come_first_and_then_what_is_most_uncertain(visitor: Visitor) -> None:
    viewer = visitor("viewer")
    first = viewer.get("/moderation")
    assert cards(first)[:2] == [str(POST), str(VIDEO)]
    assert len(cards(first)) == PAGE
    assert "It is a song title." in first.text
    assert '<mark title="Spam">WIN a free phone</mark>' in first.text
    assert "My holiday &lt;b&gt;film&lt;/b&gt;" in first.text
    assert '<form method="post" action="/moderation/review"' not in first.text, "a viewer only looks"
    after = re.search(r'href="(/moderation\?after=[^"]+)"', first.text)
    assert after is not None
    rest = cards(viewer.get(after[1]))
    assert len(rest) == 7
    assert not set(rest) & set(cards(first))


@pytest.mark.parametrize(
    ("query", "count"),
    [("kind=video", 1), ("label=spam", 1), ("decision=rejected", 1), ("appealed=yes", 1),
     ("kind=comment", PAGE), ("kind=post&decision=flagged", 0)],
)  # fmt: skip
def test_the_queue_is_filtered(visitor: Visitor, query: str, count: int) -> None:
    assert len(cards(visitor("viewer").get(f"/moderation?{query}"))) == count


@pytest.mark.parametrize("query", ["kind=song", "label=rude", "after=nonsense", "decision=%00"])
def test_an_address_that_makes_no_sense_is_refused(visitor: Visitor, query: str) -> None:
    assert visitor("viewer").get(f"/moderation?{query}").status_code == 422


def test_a_rejection_with_labels_and_a_note_is_kept_and_answers_the_appeal(
    visitor: Visitor, engine: Engine
) -> None:
    client = visitor("verifier")
    fields = (("moderation", str(POST)), ("verdict", "rejected"), ("label_holds", "spam"), ("note", "rule 4"))
    done = post(client, *fields, ("kind", "post"))
    assert (done.status_code, done.headers["location"]) == (303, "/moderation?kind=post")
    (said,) = reviews_of(engine, POST)
    assert (said.decision, list(said.labels), said.note, said.reviewer) == (
        "rejected", ["spam"], "rule 4", "verifier",
    )  # fmt: skip
    page = client.get(f"/moderation/{POST}")
    assert "rule 4" in page.text
    assert "upheld" in page.text
    assert str(POST) not in cards(client.get("/moderation"))


def test_several_are_approved_together(visitor: Visitor, engine: Engine) -> None:
    client = visitor("verifier")
    chosen = cards(client.get("/moderation?kind=comment"))[:3]
    done = post(client, *(("moderation", one) for one in chosen), ("verdict", "approved"))
    assert done.status_code == 303
    assert "3 approved." in client.get("/moderation").text
    with transaction(engine) as connection:
        assert connection.execute(text("select count(*) from moderation_reviews")).scalar() == 3


def test_of_two_reviewers_the_second_is_told_and_changes_nothing(visitor: Visitor, engine: Engine) -> None:
    client = visitor("verifier")
    review(engine, VIDEO, decision="rejected", labels=("violence",), note=None, reviewer="bo", at=AT)
    answer = post(client, ("moderation", str(VIDEO)), ("verdict", "approved"))
    assert answer.status_code == 303
    assert "Somebody was first with 1 of these" in client.get("/moderation").text
    assert [one.reviewer for one in reviews_of(engine, VIDEO)] == ["bo"]


def test_a_decision_is_reviewed_again_from_its_own_page(visitor: Visitor, engine: Engine) -> None:
    client = visitor("verifier")
    review(engine, VIDEO, decision="approved", labels=(), note=None, reviewer="bo", at=AT)
    page = client.get(f"/moderation/{VIDEO}")
    hidden = re.findall(r'type="hidden" name="(moderation|back)" value="([^"]*)"', page.text)
    done = post(client, *hidden, ("verdict", "rejected"), ("label_holds", "violence"))
    assert done.headers["location"] == f"/moderation/{VIDEO}"
    found = get_decision(engine, VIDEO)
    assert found is not None
    assert found.reviewed_decision == "rejected"


def test_who_may_not_review_is_refused(visitor: Visitor, engine: Engine) -> None:
    fields = (("moderation", str(POST)), ("verdict", "approved"))
    assert post(visitor("viewer"), *fields).status_code == 403
    assert visitor("verifier").post("/moderation/review", data=dict(fields)).status_code == 403, "no token"
    assert reviews_of(engine, POST) == []


def test_a_picture_is_blurred_for_all_and_clear_for_reviewers_who_ask(visitor: Visitor) -> None:
    reviewer, viewer = visitor("verifier"), visitor("viewer")
    path = f"/moderation/picture/{VIDEO}/0"
    blurred, clear = viewer.get(path), reviewer.get(f"{path}?clear=1")
    assert (blurred.status_code, clear.status_code) == (200, 200)
    assert viewer.get(f"{path}?clear=1").status_code == 403
    assert _edges(blurred.content) < 0.2 * _edges(clear.content)
    for gone in (f"/moderation/picture/{VIDEO}/2", f"/moderation/picture/{COMMENT}/0"):
        assert viewer.get(gone).status_code == 404


def _edges(picture: bytes) -> float:
    """How much changes from one point to the next, on the average."""
    with Image.open(io.BytesIO(picture)) as image:
        pixels = np.asarray(image.convert("L"), dtype=float)
    return float(np.abs(np.diff(pixels, axis=1)).mean())


def test_the_page_of_content_has_analysis_media_and_webhooks(visitor: Visitor) -> None:
    viewer = visitor("viewer")
    page = viewer.get("/moderation/content/video/1")
    for said in ("positive", "Lisbon", "The file has no sound.", "hello there", "HTTP 500", "delivered"):
        assert said in page.text
    assert viewer.get(f"/moderation/thumbnail/{JOB}/1-16x9.jpg").status_code == 200
    assert viewer.get(f"/moderation/thumbnail/{JOB}/captions.json").status_code == 404, "no job names it"
    assert viewer.get("/moderation/content/nobody").status_code == 404


def test_figures_and_the_first_page_say_what_waits(visitor: Visitor) -> None:
    viewer = visitor("viewer")
    figures = viewer.get("/moderation/figures")
    assert figures.status_code == 200
    assert "wait for a person" in figures.text
    assert f"{PAGE + 7}" in viewer.get("/").text
