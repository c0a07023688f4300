"""The pages of recommendation without a browser: flags, trends, and what a user would get."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from config.flags import FlagState
from config.settings import Settings
from storage.events import insert_events
from storage.flags import changes, read_flags, set_flag
from tests.integration.serving.admin.conftest import Visitor, token, visitors, without_tools
from tests.recommendation_service import StandIn, stand_in
from tests.trends_world import keep_trends
from tests.verify_world import served

ML = "mlRecommendations"
FORM = f"/recommendation/flags/{ML}"
TENTH = {"state": "on", "rollout": "10", "reason": "a tenth first", "revision": "0"}


@pytest.fixture
def service() -> Iterator[StandIn]:
    with stand_in() as made:
        yield made


@pytest.fixture
def viewer(settings: Settings, engine: Engine, service: StandIn) -> Iterator[httpx.Client]:
    """A viewer of pages whose recommendation service answers."""
    changed = {"recommendation_url": f"http://127.0.0.1:{service.port}/", "ml_api_key": SecretStr("the key")}
    with (
        served(without_tools(settings).model_copy(update=changed)) as pages,
        visitors(pages.url, engine) as visitor,
    ):
        yield visitor("viewer")


def post(client: httpx.Client, fields: Mapping[str, str], path: str = FORM) -> httpx.Response:
    return client.post(path, data={"csrf": token(client), **fields})


def switch(engine: Engine, rollout: int, reason: str = "a look") -> None:
    set_flag(engine, ML, enabled=True, rollout=rollout, actor="bo", reason=reason, at=datetime.now(UTC))


def text_of(answer: httpx.Response) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def test_a_change_is_told_in_words_first_and_made_when_it_is_confirmed(
    visitor: Visitor, engine: Engine
) -> None:
    admin = visitor("admin")
    told = post(admin, TENTH)
    assert told.status_code == 200
    assert "About 90 of 100 users lose it; the other 10 keep it." in told.text
    assert read_flags(engine)[ML].revision == 0, "nothing is done yet"
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', told.text))
    done = admin.post(FORM, data=fields)
    assert (done.status_code, done.headers["location"]) == (303, "/recommendation")
    (change,) = changes(engine)
    assert (change.now, change.actor, change.reason) == (FlagState(True, 10), "admin", "a tenth first")
    page = text_of(admin.get("/recommendation"))
    assert "mlRecommendations is on for 10 % of the users. The services follow within 10 seconds." in page
    assert "about 10 of 100 users" in page
    assert "a tenth first" in page


@pytest.mark.parametrize("confirmed", ["", "yes"])
def test_of_two_admins_the_second_is_told_what_the_first_did(
    visitor: Visitor, engine: Engine, confirmed: str
) -> None:
    admin = visitor("admin")
    switch(engine, 50)
    answer = post(admin, {**TENTH, "confirmed": confirmed})
    assert answer.status_code == 409
    assert "in the meantime: it is on for 50 % of the users now" in answer.text
    assert "a tenth first" in answer.text, "the reason that was typed stays"
    assert read_flags(engine)[ML].rollout == 50
    # the form now stands on what the other one did
    assert 'name="revision" value="1"' in answer.text
    assert post(admin, {**TENTH, "revision": "1", "confirmed": "yes"}).status_code == 303
    assert read_flags(engine)[ML].rollout == 10


@pytest.mark.parametrize("confirmed", ["", "yes"])
@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"rollout": "101"}, "goes from 0 to 100"), ({"rollout": "-1"}, "goes from 0 to 100"),
        ({"rollout": "2.5"}, "whole number of percent"), ({"rollout": ""}, "whole number of percent"),
        ({"rollout": "٣"}, "whole number of percent"), ({"rollout": "9" * 5000}, "whole number"),
        ({"reason": "  "}, "Say why"), ({"reason": "x" * 1001}, "more than 1000 characters"),
        ({"revision": ""}, "Reload the page"), ({"revision": "x"}, "Reload the page"),
        ({"rollout": "100"}, "on for everybody already"),
    ],
)  # fmt: skip
def test_a_change_that_is_not_clear_is_refused(
    visitor: Visitor, engine: Engine, fields: dict[str, str], wrong: str, confirmed: str
) -> None:
    answer = post(visitor("admin"), {**TENTH, **fields, "confirmed": confirmed})
    assert answer.status_code == 422
    assert wrong in answer.text
    assert changes(engine) == []


def test_there_is_no_page_for_a_flag_that_is_none(visitor: Visitor) -> None:
    answer = visitor("admin").get("/recommendation/flags/nobody")
    assert answer.status_code == 404
    assert "mlRecommendations, personalizedFeed, engagementRanking" in answer.text


def test_a_viewer_reads_the_flags_and_changes_none(visitor: Visitor, engine: Engine) -> None:
    switch(engine, 25, "a <b>quarter</b>")
    viewer = visitor("viewer")
    page = viewer.get("/recommendation").text
    assert "about 25 of 100 users" in page
    assert "a &lt;b&gt;quarter&lt;/b&gt;" in page
    assert "/recommendation/flags/" not in page
    assert viewer.get(FORM).status_code == 403
    assert post(viewer, {**TENTH, "revision": "1", "confirmed": "yes"}).status_code == 403
    assert read_flags(engine)[ML].rollout == 25


def test_a_look_up_asks_the_service_as_a_backend_does(viewer: httpx.Client, service: StandIn) -> None:
    page = viewer.get("/recommendation/user", params={"user": "ada"})
    ((path, headers, asked),) = service.asked
    assert (path, asked) == ("/api/v1/recommend", {"user_id": "ada", "limit": 20, "preview": True})
    assert headers["x-api-key"] == "the key"
    told = text_of(page)
    assert "What ada would get now" in told
    assert "Answered by the model version 7" in told
    assert "personalizedFeed off" in told
    assert "1 video-100 Because you liked video-17. collaborative 1 video author-0" in told
    assert "20 video-119" in told
    assert "from the cache" not in told
    assert "By an experiment" not in told


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"answered_by": "heuristic", "model_version": "heuristic"}, "Answered by the heuristic Flags"),
        ({"answered_by": "heuristic", "model_version": None, "cached": True, "flags": {}},
         "Answered by the heuristic from the cache Rank"),
        ({"answered_by": "precomputed", "model_version": "6"}, "Answered by a list made ahead version 6"),
        ({"experiment": {"experiment": "feed", "variant": "model", "decision_id": "d"}},
         "By an experiment model of feed"),
    ],
)  # fmt: skip
def test_the_page_says_who_answered(
    viewer: httpx.Client, service: StandIn, changes: dict[str, Any], said: str
) -> None:
    service.changes = changes
    assert said in text_of(viewer.get("/recommendation/user", params={"user": "ada"}))


def test_a_user_whom_nothing_is_left_for_has_an_empty_list(viewer: httpx.Client, service: StandIn) -> None:
    service.changes = {"items": [], "count": 0}
    assert "The service has nothing for this user" in viewer.get("/recommendation/user?user=ada").text


def test_what_the_user_did_last_stands_below(viewer: httpx.Client, engine: Engine) -> None:
    now = datetime.now(UTC)
    insert_events(
        engine,
        [
            {"user_id": "ada", "item_id": "video-1", "kind": "view", "watch_share": 0.734,
             "at": now - timedelta(hours=2)},
            {"user_id": "ada", "item_id": "bo", "item_kind": "user", "kind": "follow",
             "at": now - timedelta(minutes=5)},
            {"user_id": "eve", "item_id": "video-9", "kind": "like", "at": now},
        ],
        now,
    )  # fmt: skip
    told = text_of(viewer.get("/recommendation/user", params={"user": "ada"}))
    assert "5 minutes ago follow bo user – 2 hours ago view video-1 video 73 %" in told
    assert "video-9" not in told
    told = text_of(viewer.get("/recommendation/user", params={"user": "new"}))
    assert "Nobody of this id has done anything" in told


def test_the_page_stands_while_the_service_is_away(visitor: Visitor, engine: Engine) -> None:
    now = datetime.now(UTC)
    insert_events(engine, [{"user_id": "ada", "item_id": "video-1", "kind": "like", "at": now}], now)
    answer = visitor("viewer").get("/recommendation/user", params={"user": "ada"})
    assert answer.status_code == 200
    assert "does not answer (ConnectError)" in answer.text
    assert "Not known while the service does not answer." in answer.text
    assert "video-1" in answer.text


def test_a_service_that_hangs_does_not_hang_the_page(settings: Settings, engine: Engine) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        changed = without_tools(settings).model_copy(update={"recommendation_port": silent.getsockname()[1]})
        with served(changed) as pages, visitors(pages.url, engine) as visitor:
            client = visitor("viewer")
            begun = time.monotonic()
            answer = client.get("/recommendation/user", params={"user": "ada"})
    assert time.monotonic() - begun < 5
    assert "does not answer (ReadTimeout)" in answer.text


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (503, b'{"detail": "Nothing is loaded yet."}', "answered 503: Nothing is loaded yet."),
        (401, b"nonsense", "answered 401: no reason given"),
        (200, b"nonsense", "what these pages do not understand"),
        (200, b"[]", "what these pages do not understand"),
        (200, b'{"items": [{}], "answered_by": "model"}', "what these pages do not understand"),
        (200, b'{"items": 5, "answered_by": "model"}', "what these pages do not understand"),
        (200, b'{"items": [], "answered_by": "model", "flags": []}', "has nothing for this user"),
    ],
)
def test_an_answer_that_is_none_is_said_to_be(
    viewer: httpx.Client, service: StandIn, status: int, body: bytes, said: str
) -> None:
    service.status, service.body = status, body
    answer = viewer.get("/recommendation/user", params={"user": "ada"})
    assert answer.status_code == 200
    assert said in answer.text


@pytest.mark.parametrize("user", ["\0", "a\nb", "x" * 257])
def test_an_id_that_can_be_nobodys_is_refused_and_not_asked_for(
    viewer: httpx.Client, service: StandIn, user: str
) -> None:
    answer = viewer.get("/recommendation/user", params={"user": user})
    assert answer.status_code == 422
    assert "user id" in answer.text
    assert service.asked == []


def test_without_an_id_nobody_is_asked(viewer: httpx.Client, service: StandIn) -> None:
    assert viewer.get("/recommendation/user?user=%20").status_code == 200
    assert service.asked == []


def test_trends_are_listed_with_their_direction(visitor: Visitor, engine: Engine) -> None:
    keep_trends(engine, datetime.now(UTC) - timedelta(minutes=4))
    told = text_of(visitor("viewer").get("/recommendation/trending"))
    assert "Trending in the last 24 hours" in told
    assert "Counted 4 minutes ago" in told
    assert "1 video-0 ▲ rising 2.35 × 450.5 12,345 900 video music de author-0" in told
    assert "2 video-1 ■ stable –" in told
    assert "3 video-2 ▼ falling 0.40 ×" in told


def test_trends_are_those_of_the_window_and_of_what_is_chosen(visitor: Visitor, engine: Engine) -> None:
    keep_trends(engine, datetime.now(UTC))
    viewer = visitor("viewer")

    def listed(query: str) -> list[str]:
        return re.findall(r">(video-\d)<", viewer.get(f"/recommendation/trending?{query}").text)

    assert listed("") == [f"video-{place}" for place in range(6)]
    assert listed("window=24h&category=music") == ["video-0", "video-2", "video-4"]
    assert listed("language=en") == ["video-2", "video-3"]
    assert listed("region=DE") == ["video-1", "video-3", "video-5"]
    assert listed("region=DE&language=en&kind=video") == ["video-3"]
    assert listed("kind=post") == []
    assert listed("window=1h") == []
    page = viewer.get("/recommendation/trending?region=DE&category=sports").text
    assert 'href="/recommendation/trending?category=sports&amp;region=DE&amp;window=7d"' in page
    assert "Nothing trends here with these filters." in text_of(
        viewer.get("/recommendation/trending?kind=post")
    )


def test_before_the_first_count_the_page_says_so(visitor: Visitor) -> None:
    told = text_of(visitor("viewer").get("/recommendation/trending"))
    assert "Nothing is counted yet: the flow refresh-trending has not run." in told


@pytest.mark.parametrize("query", ["window=2h", "kind=song", "region=%00"])
def test_a_filter_that_can_match_nothing_is_refused(visitor: Visitor, query: str) -> None:
    answer = visitor("viewer").get(f"/recommendation/trending?{query}")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
