"""The pages of experiments without a browser: who may do what, conflicts, and the figures that are polled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import Engine

from config.errors import ExperimentConflict
from serving.experiments.desk import ExperimentDesk
from storage import experiments
from tests.experiments_world import STARTED, make, thumbnails, visit
from tests.integration.serving.admin.conftest import Visitor, token

RATES = {"plain": 0.05, "face": 0.3, "text": 0.1}
NEW = {
    "id": "hooks", "title": "Which hook", "variants.0.name": "calm", "variants.1.name": "loud",
    "reward.name": "click", "reward.kind": "binary", "policy.kind": "fixed", "traffic": "50", "sticky": "yes",
    "revision": "0",
}  # fmt: skip


def post(client: httpx.Client, path: str, fields: Mapping[str, str]) -> httpx.Response:
    return client.post(path, data={"csrf": token(client), **fields})


def test_a_draft_is_made_edited_and_started(visitor: Visitor, engine: Engine) -> None:
    admin = visitor("admin")
    made = post(admin, "/experiments/_new", NEW)
    assert (made.status_code, made.headers["location"]) == (303, "/experiments/hooks")
    found = experiments.get(engine, "hooks")
    assert (found.created_by, found.definition["traffic"], found.revision) == ("admin", 0.5, 1)
    edited = {**NEW, "title": "Which hook of three", "variants.2.name": "odd", "revision": "1"}
    assert post(admin, "/experiments/hooks/edit", edited).status_code == 303
    assert [one["variant"] for one in experiments.get(engine, "hooks").variants] == ["calm", "loud", "odd"]
    assert post(admin, "/experiments/hooks/start", {"revision": "2", "reason": "go"}).status_code == 303
    assert experiments.get(engine, "hooks").state == "running"
    assert admin.get("/experiments/hooks/edit").status_code == 409


def test_what_was_typed_stays_where_something_is_wrong(visitor: Visitor, engine: Engine) -> None:
    admin = visitor("admin")
    answer = post(admin, "/experiments/_new", {**NEW, "variants.1.name": "calm", "minimum_effect": "0.03"})
    assert answer.status_code == 422
    assert "two variants have the same name" in answer.text
    assert 'value="0.03"' in answer.text
    assert experiments.every(engine) == []
    more = post(admin, "/experiments/_new", {**NEW, "more": "variants"})
    assert more.status_code == 200
    assert 'name="variants.2.name"' in more.text
    assert experiments.every(engine) == []


def test_an_id_that_is_taken_is_a_conflict(visitor: Visitor, engine: Engine) -> None:
    make(engine, thumbnails("hooks"))
    answer = post(visitor("admin"), "/experiments/_new", NEW)
    assert answer.status_code == 409
    assert "an experiment &#39;hooks&#39; already" in answer.text


def test_of_two_admins_the_second_is_told_what_the_first_did(visitor: Visitor, engine: Engine) -> None:
    make(engine, thumbnails())
    seen = str(experiments.get(engine, "thumbnails").revision)
    admin = visitor("admin")
    ExperimentDesk(engine).pause("thumbnails", "bo")
    answer = post(
        admin, "/experiments/thumbnails/conclude", {"revision": seen, "winner": "=face", "reason": "ahead"}
    )
    assert answer.status_code == 409
    assert "in the meantime: it is paused" in answer.text
    assert "ahead" in answer.text, "the reason that was typed stays"
    assert experiments.get(engine, "thumbnails").state == "paused"


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"winner": "", "reason": "x"}, "Choose the winner"),
        ({"winner": "=face", "reason": " "}, "Say why"),
        ({"winner": "=purple", "reason": "x"}, "is no variant"),
        ({"winner": "=face", "reason": "x" * 1001}, "more than 1000 characters"),
        ({"winner": "=face", "reason": "x", "revision": "-1"}, "Reload the page"),
    ],
)
def test_a_conclusion_that_is_not_clear_is_refused(
    visitor: Visitor, engine: Engine, fields: dict[str, str], wrong: str
) -> None:
    make(engine, thumbnails())
    answer = post(visitor("admin"), "/experiments/thumbnails/conclude", {"revision": "2", **fields})
    assert answer.status_code == 422
    assert wrong in answer.text
    assert experiments.get(engine, "thumbnails").state == "running"


def test_concluding_keeps_winner_reason_and_figures(visitor: Visitor, engine: Engine) -> None:
    definition = make(engine, thumbnails())
    visit(engine, definition, RATES, 200)
    answer = post(
        visitor("admin"), "/experiments/thumbnails/conclude",
        {"revision": "2", "winner": "=face", "reason": "clearly ahead"},
    )  # fmt: skip
    assert answer.status_code == 303
    last = experiments.changes(engine, "thumbnails")[0]
    assert (last.actor, last.reason, last.details["winner"]) == ("admin", "clearly ahead", "face")
    assert last.details["figures"]["decisions"] == 200
    page = visitor("viewer").get("/experiments/thumbnails").text
    assert "everybody gets the winner, <strong>face</strong>" in page


def test_the_polled_figures_follow_the_decisions(visitor: Visitor, engine: Engine) -> None:
    definition = make(engine, thumbnails())
    viewer = visitor("viewer")
    before = viewer.get("/experiments/thumbnails/live").json()
    assert (before["state"], before["text"]["decisions"], before["shapes"]["share0"]) == ("running", "0", "")
    assert before["every"] >= 3
    visit(engine, definition, RATES, 150, first=STARTED + timedelta(hours=1))
    ExperimentDesk(engine).pause("thumbnails", "bo")  # another revision: nothing that was kept answers
    after = viewer.get("/experiments/thumbnails/live").json()
    assert (after["state"], after["text"]["decisions"]) == ("paused", "150")
    assert after["shapes"]["share1"].startswith("M0.0 ")
    assert len(after["tables"]["shares"][0]) == 4
    ExperimentDesk(engine).conclude("thumbnails", None, "bo", "enough")
    assert viewer.get("/experiments/thumbnails/live").json()["every"] == 0, "it asks no more"


def test_rewards_that_are_still_due_after_the_end_are_said_to_count(visitor: Visitor, engine: Engine) -> None:
    definition = make(engine, thumbnails(guardrails=[]))  # so that only clicks are rewards
    visit(engine, definition, RATES, 20, first=datetime.now(UTC) - timedelta(hours=2), span=timedelta(hours=1))
    ExperimentDesk(engine).conclude("thumbnails", "face", "bo", "enough")
    viewer = visitor("viewer")
    page, live = viewer.get("/experiments/thumbnails").text, viewer.get("/experiments/thumbnails/live").json()
    assert "At its end" not in page
    assert "from before its end count until their window" in page
    assert "too few to conclude" not in page
    assert live["every"] > 0, "rewards still change it"


def test_what_the_state_does_not_allow_is_not_asked_for(visitor: Visitor, engine: Engine) -> None:
    make(engine, thumbnails())
    admin = visitor("admin")
    answers = {one: admin.get(f"/experiments/thumbnails/{one}").status_code for one in experiments.MOVES}
    assert answers == {"start": 409, "pause": 200, "resume": 409, "conclude": 200}
    ExperimentDesk(engine).conclude("thumbnails", None, "bo", "enough")
    assert admin.get("/experiments/thumbnails/conclude").status_code == 409
    with pytest.raises(ExperimentConflict) as raised:
        ExperimentDesk(engine).edit("thumbnails", thumbnails(), "bo")
    assert raised.value.hint == "Create another one."


def test_a_draft_has_no_figures(visitor: Visitor, engine: Engine) -> None:
    make(engine, thumbnails(), start=False)
    viewer = visitor("viewer")
    assert viewer.get("/experiments/thumbnails/live").json() == {"state": "draft", "revision": 1, "every": 0}
    page = viewer.get("/experiments/thumbnails")
    assert page.status_code == 200
    assert "It is a draft" in page.text
    assert "/start" not in page.text, "a viewer starts nothing"


def test_other_policies_are_shown_with_what_speaks_against_them(visitor: Visitor, engine: Engine) -> None:
    contexts = [{"country": "de"}, {"country": "fr"}]
    definition = make(
        engine,
        thumbnails(
            policy={"kind": "contextual"}, context=[{"name": "country"}], guardrails=[], title="By <country>"
        ),
    )
    visit(engine, definition, RATES, 120, contexts=contexts)
    viewer = visitor("viewer")
    page = viewer.get("/experiments/thumbnails/off-policy").text
    assert "always face" in page
    assert "too few to say anything" in page
    whole = viewer.get("/experiments/thumbnails").text
    assert "By &lt;country&gt;" in whole
    assert "<country>" not in whole


def test_the_list_has_state_decisions_and_leader(visitor: Visitor, engine: Engine) -> None:
    viewer = visitor("viewer")
    assert "There is no experiment yet" in viewer.get("/experiments").text
    visit(engine, make(engine, thumbnails()), RATES, 300)
    make(engine, thumbnails("later"), start=False)
    page = viewer.get("/experiments").text
    assert "best with" in page
    assert page.index("thumbnails") < page.index("later"), "running ones first"
    assert "New experiment" not in page
    assert "New experiment" in visitor("admin").get("/experiments").text
