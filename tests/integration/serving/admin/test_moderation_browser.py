"""The pages of moderation in a real browser: by mouse, by keys, without scripts, and on a phone."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from sqlalchemy import Engine, text

from config.settings import Settings
from storage.database import make_engine, transaction
from storage.moderation_trail import reviews_of
from tests.browsing import PHONE, check_for_everybody, launch, new_context, violations, watched_page
from tests.conftest import TEMPLATE, PostgresServer
from tests.integration.serving.admin.conftest import without_tools
from tests.moderation_world import POST, VIDEO, fill
from tests.verify_world import served, session_cookie

PAGES = {
    "queue": "/moderation", "queue of some": "/moderation?kind=video",
    "nothing": "/moderation?kind=post&label=nsfw",
    "decision": f"/moderation/{POST}", "decision with pictures": f"/moderation/{VIDEO}",
    "content": "/moderation/content/video/1", "figures": "/moderation/figures",
}  # fmt: skip
TABLES = (
    "contents, moderation_decisions, moderation_reviews, moderation_appeals, media_jobs, webhook_deliveries"
)


@dataclass
class House:
    """The pages at ``url``, their database, and a browser."""

    url: str
    settings: Settings
    engine: Engine
    browser: Browser
    cookies: dict[str, dict[str, str]]

    def context(self, role: str = "verifier", **options: Any) -> BrowserContext:
        return new_context(self.browser, self.url, self.cookies[role], **options)


@pytest.fixture(scope="module")
def house(postgres_server: PostgresServer) -> Iterator[House]:
    postgres_server.create_database("moderation_browser", TEMPLATE)
    home = Path(tempfile.mkdtemp(prefix="assay-moderation-"))
    settings = without_tools(postgres_server.settings("moderation_browser", home))
    engine = make_engine(settings)
    with sync_playwright() as playwright, served(settings) as pages:
        browser = launch(playwright)
        cookies = {role: dict(session_cookie(engine, role, role)) for role in ("viewer", "verifier")}
        yield House(pages.url, settings, engine, browser, cookies)
        browser.close()
    engine.dispose()
    postgres_server.drop_database("moderation_browser")
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(autouse=True)
def world(house: House) -> None:
    with transaction(house.engine) as connection:
        connection.execute(text(f"truncate {TABLES} cascade"))
    fill(house.settings, house.engine, datetime.now(UTC))


@pytest.fixture
def watched(house: House) -> Iterator[Page]:
    """A page of somebody who reviews."""
    with watched_page(house.context(), house.url) as page:
        yield page


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_for_everybody(watched: Page, house: House, name: str) -> None:
    """WCAG AA by axe in light and dark, no sideways scrolling at 360 px, nothing from elsewhere."""
    watched.goto(house.url + PAGES[name])
    check_for_everybody(watched)


def test_an_appealed_post_is_rejected_by_mouse(watched: Page, house: House) -> None:
    page = watched
    page.goto(f"{house.url}/moderation")
    card = page.locator("article").first
    expect(card).to_contain_text("It is a song title.")
    expect(card.locator("mark").first).to_have_text("WIN a free phone")
    expect(card.get_by_label("Spam")).to_be_checked()
    card.get_by_label("Toxicity").check()
    card.get_by_label("Note").fill("rule 4")
    card.get_by_role("button", name="Reject").click()
    expect(page.get_by_role("status")).to_contain_text("1 rejected for spam, toxicity.")
    (said,) = reviews_of(house.engine, POST)
    assert (said.reviewer, list(said.labels), said.note) == ("verifier", ["spam", "toxicity"], "rule 4")


def test_the_queue_is_worked_off_by_keys(watched: Page, house: House) -> None:
    page = watched
    page.goto(f"{house.url}/moderation")
    for key in ("j", "j"):
        page.keyboard.press(key)
    expect(page.locator("article").nth(1)).to_be_focused()
    page.keyboard.press("5")
    page.keyboard.press("x")
    expect(page.get_by_role("status")).to_contain_text("1 rejected for violence.")
    expect(page.locator("article").first).to_be_focused()
    page.keyboard.press("a")
    expect(page.get_by_role("status")).to_contain_text("1 approved.")
    assert [one.decision for one in reviews_of(house.engine, POST)] == ["approved"]
    page.locator("article").first.get_by_label("Note").press_sequentially("a jolly x")
    assert page.locator("article").count() == 3, "to type a note decides nothing"


def test_pictures_stay_blurred_until_one_is_opened(watched: Page, house: House) -> None:
    page = watched
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "clear=1" in request.url else None)
    page.goto(f"{house.url}/moderation?kind=video")
    pictures = page.locator("details.m-veil")
    expect(pictures).to_have_count(2)
    expect(pictures.first.locator("summary img")).to_have_js_property("complete", True)
    page.wait_for_timeout(200)
    assert asked == [], "what is not opened is not loaded"
    pictures.first.locator("summary").press("Enter")
    clear = pictures.first.locator(".m-clear")
    expect(clear).to_be_visible()
    expect(clear).to_have_js_property("naturalWidth", 160)
    assert len(asked) == 1
    assert violations(page) == []


def test_without_scripts_several_are_reviewed_together(house: House) -> None:
    with watched_page(house.context(java_script_enabled=False), house.url) as page:
        page.goto(f"{house.url}/moderation")
        page.locator("article").nth(2).get_by_label("Tick").check()
        page.locator("article").nth(3).get_by_label("Tick").check()
        page.get_by_text("Review the ticked ones together").click()
        together = page.locator("#m-bulk")
        together.get_by_label("Toxicity").check()
        together.get_by_role("button", name="Reject").click()
        expect(page.get_by_text("2 rejected for toxicity.")).to_be_visible()
        expect(page.locator("article")).to_have_count(3)


def test_a_viewer_sees_blurred_pictures_and_no_buttons(house: House) -> None:
    with watched_page(house.context("viewer"), house.url) as page:
        page.goto(f"{house.url}/moderation?kind=video")
        expect(page.locator("span.m-veil img")).to_have_count(2)
        expect(page.locator("details.m-veil")).to_have_count(0)
        expect(page.get_by_role("button", name="Approve")).to_have_count(0)


def test_a_phone_is_enough(house: House) -> None:
    options = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
    with watched_page(house.context(**options), house.url) as page:
        page.goto(f"{house.url}/moderation")
        page.locator("article").first.get_by_role("button", name="Approve").tap()
        expect(page.get_by_role("status")).to_contain_text("1 approved.")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
