"""The pages of recommendation in a real browser: a flag is rolled out, a user looked up."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from sqlalchemy import Engine

from config.flags import FlagState
from storage.database import make_engine
from storage.events import insert_events
from storage.flags import changes, read_flags, set_flag
from tests.browsing import check_for_everybody, launch, new_context, violations, watched_page
from tests.conftest import TEMPLATE, PostgresServer
from tests.integration.serving.admin.conftest import without_tools
from tests.recommendation_service import stand_in
from tests.trends_world import keep_trends
from tests.verify_world import served, session_cookie

PAGES = {
    "flags": "/recommendation", "change": "/recommendation/flags/mlRecommendations",
    "trending": "/recommendation/trending", "trending of some": "/recommendation/trending?window=7d&kind=post",
    "look up": "/recommendation/user", "a user": "/recommendation/user?user=ada",
    "a long id": "/recommendation/user?user=" + "W" * 256, "no id": "/recommendation/user?user=%0A.",
}  # fmt: skip


@dataclass
class House:
    """The pages at ``url``, their database, and a browser."""

    url: str
    engine: Engine
    browser: Browser
    cookies: dict[str, dict[str, str]]

    def context(self, role: str, **options: Any) -> BrowserContext:
        return new_context(self.browser, self.url, self.cookies[role], **options)


@pytest.fixture(scope="module")
def house(postgres_server: PostgresServer) -> Iterator[House]:
    postgres_server.create_database("recommendation_browser", TEMPLATE)
    home = Path(tempfile.mkdtemp(prefix="assay-recommendation-"))
    settings = without_tools(postgres_server.settings("recommendation_browser", home))
    engine = make_engine(settings)
    _fill(engine)
    with sync_playwright() as playwright, stand_in() as service:
        answering = settings.model_copy(update={"recommendation_port": service.port})
        with served(answering) as pages:
            browser = launch(playwright)
            cookies = {role: dict(session_cookie(engine, role, role)) for role in ("viewer", "admin")}
            yield House(pages.url, engine, browser, cookies)
            browser.close()
    engine.dispose()
    postgres_server.drop_database("recommendation_browser")
    shutil.rmtree(home, ignore_errors=True)


def _fill(engine: Engine) -> None:
    now = datetime.now(UTC)
    set_flag(
        engine, "engagementRanking", enabled=False, rollout=40, actor="bo", reason="W" * 300, at=now,
    )  # fmt: skip
    set_flag(
        engine, "personalizedFeed", enabled=True, rollout=25, actor="ada", reason="a quarter first", at=now
    )
    rows = [
        {"user_id": user, "item_id": f"video-{number}", "kind": kind, "at": now - timedelta(minutes=number)}
        for user in ("ada", "W" * 256)
        for number, kind in enumerate(("view", "like", "share", "skip"))
    ]
    insert_events(engine, rows, now)
    keep_trends(engine, now, count=50)


@pytest.fixture
def watched(house: House) -> Iterator[Page]:
    """A page of an admin."""
    with watched_page(house.context("admin"), house.url) as page:
        yield page


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_for_everybody(watched: Page, house: House, name: str) -> None:
    """WCAG AA by axe in light and dark, no sideways scrolling at 360 px, nothing from elsewhere."""
    page = watched
    page.goto(house.url + PAGES[name])
    check_for_everybody(page)


def test_a_flag_is_rolled_out_by_keyboard(watched: Page, house: House) -> None:
    page = watched
    page.goto(f"{house.url}/recommendation")
    page.get_by_role("link", name="Change mlRecommendations").press("Enter")
    slider, number = page.get_by_label("Roll-out, as a slider"), page.get_by_label("Roll-out in percent")
    expect(slider).to_have_value("100")
    slider.press("ArrowLeft")
    expect(number).to_have_value("99")
    expect(page.get_by_text("Then it is on for about 99 of 100 users.")).to_be_visible()
    number.fill("30")
    expect(slider).to_have_value("30")
    page.get_by_role("radio", name="Off").check()
    expect(page.get_by_text("Then it is on for nobody.")).to_be_visible()
    page.get_by_role("radio", name="On").check()
    expect(page.get_by_text("Then it is on for about 30 of 100 users.")).to_be_visible()
    page.get_by_role("button", name="Continue").press("Enter")
    assert page.evaluate("document.activeElement.id") == "reason", "the browser asks for the reason"
    page.get_by_label("Why").fill("a third first")
    page.get_by_role("button", name="Continue").press("Enter")
    expect(page.get_by_text("About 70 of 100 users lose it; the other 30 keep it.")).to_be_visible()
    assert violations(page) == [], "the page that asks"
    assert read_flags(house.engine)["mlRecommendations"].revision == 0
    page.get_by_role("button", name="Change it").press("Enter")
    expect(page.get_by_text("mlRecommendations is on for 30 % of the users.")).to_be_visible()
    row = page.locator("section", has=page.get_by_role("heading", name="History")).locator("tbody tr").first
    expect(row).to_contain_text("a third first")
    (change,) = changes(house.engine, "mlRecommendations")
    assert (change.now, change.actor) == (FlagState(True, 30), "admin")


def test_a_user_is_looked_up(watched: Page, house: House) -> None:
    page = watched
    page.goto(f"{house.url}/recommendation")
    page.get_by_role("link", name="What a user gets").click()
    page.get_by_label("Id of a user").fill("ada")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="What ada would get now")).to_be_visible()
    gets = page.locator("section", has=page.get_by_role("heading", name="would get now"))
    expect(gets.locator("tbody tr")).to_have_count(20)
    expect(gets.locator("tbody tr").first).to_contain_text("Because you liked video-17.")
    did = page.locator("section", has=page.get_by_role("heading", name="What they did last"))
    expect(did.locator("tbody tr")).to_have_count(4)
    expect(did.locator("tbody tr").nth(1)).to_contain_text("like")


def test_without_scripts_a_flag_is_changed_all_the_same(house: House) -> None:
    context = house.context("admin", java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{house.url}/recommendation/flags/personalizedFeed")
    expect(page.locator("[data-slider]")).to_be_hidden()
    page.get_by_label("Roll-out in percent").fill("35")
    page.get_by_label("Why").fill("ten more")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("About 10 more of 100 users get it; whoever has it keeps it.")).to_be_visible()
    page.get_by_role("button", name="Change it").click()
    expect(page.get_by_text("personalizedFeed is on for 35 % of the users.")).to_be_visible()
    assert read_flags(house.engine)["personalizedFeed"].rollout == 35
    context.close()


def test_a_viewer_sees_nothing_that_changes_anything(house: House) -> None:
    context = house.context("viewer")
    page = context.new_page()
    for path in ("/recommendation", "/recommendation/trending", "/recommendation/user?user=ada"):
        page.goto(house.url + path)
        assert page.locator("main form[method=post]").count() == 0, path
        assert page.locator("main").get_by_role("link", name="Change").count() == 0, path
    context.close()
