"""A version is tried, compared, stopped and promoted in a real browser, on real MLflow and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from sqlalchemy import Engine

from config.settings import Settings
from local.ports import free_port
from models.monitoring.contract import Figure
from registry.gate import Check, GateResult
from registry.registry import Registry
from serving.recorder import new_identities
from storage.monitor_figures import upsert_figures
from storage.predictions import insert_predictions
from storage.rollouts import list_rollouts
from storage.shadow_answers import insert_shadow_answers
from tests.browsing import WIDE, check_for_everybody, launch, new_context, watched_page
from tests.integration.serving.admin.conftest import token, visitors
from tests.verify_world import served, session_cookie
from tests.viral_world import roles, trained

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass
class House:
    """The pages, what is behind them, and a browser."""

    url: str
    settings: Settings
    engine: Engine
    registry: Registry
    browser: Browser

    def page(self, role: str) -> Any:
        """A watched page of somebody with that role."""
        return watched_page(
            new_context(self.browser, self.url, session_cookie(self.engine, role, role)), self.url
        )


@pytest.fixture
def house(ml_settings: Settings, engine: Engine) -> Iterator[House]:
    """Version 1 in production, version 2 that passed the gate against it, version 3 that did not."""
    settings = ml_settings.model_copy(update={"prefect_port": free_port()})
    registry = Registry(settings, engine)
    rows = dict(zip(("train", "valid", "test"), (part.num_rows for part in roles()), strict=True))
    for number in (1, 2, 3):
        predictor, evaluation = trained(number == 1)
        version = registry.log_training(
            family="viral", predictor=predictor, evaluation=evaluation, comparison=None,
            dataset="viral/full/2026-10", dataset_sha256="a" * 64, params={}, rows=rows, key=f"tried-{number}",
        )  # fmt: skip
        checks = (Check("accuracy floor", number != 3, "test accuracy 0.900, at least 0.95"),)
        registry.record_gate(
            "viral", version.version, GateResult(number != 3, checks, "1" if number > 1 else None)
        )
    registry.promote("viral", "1", actor="retrain run 4559cd", reason="It passed the gate.", at=AT)
    with sync_playwright() as playwright, served(settings) as pages:
        browser = launch(playwright)
        yield House(pages.url, settings, engine, registry, browser)
        browser.close()
    registry.close()


def answered(engine: Engine, count: int = 200) -> None:
    """Questions that both versions answered, and what the monitor made of the outcomes."""
    now = datetime.now(UTC)
    ids = new_identities(count)
    common = {"family": "viral", "at": now, "received_at": now}
    insert_predictions(engine, [
        {
            **common, "id": one, "entity_id": f"v-{place % 50}", "inputs": {"views": 7}, "latency_ms": 0.4,
            "answer": {"viral_class": "low", "viral_score": 10.0}, "model_version": "1",
        }
        for place, one in enumerate(ids)
    ])  # fmt: skip
    insert_shadow_answers(engine, [
        {
            **common, "id": one, "entity_id": f"v-{place % 50}", "latency_ms": 0.5, "model_version": "2",
            "answer": {"viral_class": "low" if place % 9 else "high", "viral_score": 12.0}, "people": [],
        }
        for place, one in enumerate(ids)
    ])  # fmt: skip
    figures = [
        Figure("rollout.loss_gap", 0.0412, 0.012, 0.07, 1914),
        Figure("rollout.loss.champion", 0.3512, rows=1914),
        Figure("rollout.loss.challenger", 0.31, rows=1914),
    ]
    upsert_figures(engine, "viral", now.date(), figures, version="2", at=now + timedelta(seconds=1))


def test_a_version_is_tried_compared_and_stopped(house: House, tmp_path: Any) -> None:
    with house.page("admin") as page:
        page.goto(f"{house.url}/models/viral/2")
        page.get_by_role("link", name="Try it…").click()
        check_for_everybody(page)
        page.set_viewport_size(WIDE)
        page.screenshot(path=tmp_path / "try.png", full_page=True)
        page.get_by_label("Why").fill("how does it do this week?")
        page.get_by_role("button", name="Try version 2").click()
        expect(page.get_by_text("Version 2 of viral is tried as a shadow.")).to_be_visible()
        expect(page.get_by_role("heading", level=1)).to_have_text("Version 2 beside version 1")
        expect(page.get_by_text("Not decided yet")).to_be_visible()

        answered(house.engine)
        page.goto(f"{house.url}/models/viral/rollout")
        expect(page.get_by_text("Version 2 is better, beyond chance")).to_be_visible()
        expect(page.get_by_text("of 200 questions")).to_be_visible()
        page.screenshot(path=tmp_path / "rollout.png", full_page=True)
        check_for_everybody(page)
        page.set_viewport_size(WIDE)

        page.goto(f"{house.url}/models/viral")
        page.get_by_role("link", name="Compare them").click()
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_text("Version 2 of viral is tried no more.")).to_be_visible()
        expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    assert [one.outcome for one in list_rollouts(house.engine, "viral")] == ["stopped"]


def test_a_canary_past_the_gate_is_asked_twice_and_ends_promoted(house: House) -> None:
    with house.page("admin") as page:
        page.goto(f"{house.url}/models/viral/3/try")
        page.get_by_role("radio", name="Canary").check()
        page.get_by_label("Percent of the questions").fill("12.5")
        page.get_by_label("Why").fill("a tenth first")
        page.get_by_role("button", name="Try version 3").click()
        expect(page.get_by_role("alert")).to_contain_text("did not pass the gate")
        expect(page.get_by_label("Percent of the questions")).to_have_value("12.5")
        page.get_by_text("even if the gate did not pass it").click()
        page.get_by_role("button", name="Try version 3").click()
        expect(page.get_by_text("canary, 12.5 %")).to_be_visible()

        page.get_by_role("link", name="Promote…").click()
        page.get_by_label("Why").fill("it does well")
        page.get_by_text("even if the gate does not pass it").click()
        page.get_by_role("button", name="Promote version 3").click()
        expect(page.get_by_text("Version 3 of viral is in production.")).to_be_visible()
        expect(page.get_by_text("What was tried beside production")).to_be_visible()
    assert [one.outcome for one in list_rollouts(house.engine, "viral")] == ["promoted"]


def test_others_than_admins_look_and_change_nothing_and_a_form_needs_its_token(house: House) -> None:
    with visitors(house.url, house.engine) as visitor:
        viewer: httpx.Client = visitor("viewer")
        assert viewer.get("/models/viral/rollout").status_code == 200
        assert "Nothing was tried yet" in viewer.get("/models/viral/rollout").text
        assert viewer.get("/models/viral/2/try").status_code == 403
        form = {"mode": "shadow", "percent": "100", "reason": "-", "csrf": token(viewer)}
        assert viewer.post("/models/viral/2/try", data=form).status_code == 403

        admin: httpx.Client = visitor("admin")
        form = {"mode": "shadow", "percent": "100", "reason": "to see"}
        assert admin.post("/models/viral/2/try", data=form).status_code == 403
        form["csrf"] = token(admin)
        assert admin.post("/models/viral/2/try", data={**form, "percent": "many"}).status_code in (400, 422)
        assert list_rollouts(house.engine) == []
        assert admin.post("/models/viral/2/try", data=form).status_code == 303
        assert admin.get("/models/viral/rollout?id=999").status_code in (400, 404, 422)
        assert admin.get("/models/topics/rollout").status_code == 200
