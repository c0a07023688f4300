"""The pages of the monitor in a real browser: for everybody, and by keyboard."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from models.monitoring.contract import Finding
from storage.database import make_engine
from storage.monitor import open_or_touch
from tests.browsing import WIDE, check_for_everybody, launch, watched_page
from tests.conftest import TEMPLATE, PostgresServer
from tests.integration.serving.admin.conftest import without_tools
from tests.monitor_pages_world import AWAY, DRIFT, fill
from tests.verify_world import served, session_cookie

PAGES = {
    "overview": "/monitoring", "a family": "/monitoring/viral?days=90", "the platform": "/monitoring/platform",
    "a family without figures": "/monitoring/face", "retention": "/monitoring/retention", "home": "/",
}  # fmt: skip
LONG = Finding("stats", "viral", "feature " + "w" * 200, "info", "W" * 400, "/monitoring/viral")


@pytest.fixture(scope="module")
def place(postgres_server: PostgresServer) -> Iterator[tuple[str, Browser, dict[str, str]]]:
    """The address of the pages, a browser, and the cookie of a viewer."""
    postgres_server.create_database("monitoring_browser", TEMPLATE)
    home = Path(tempfile.mkdtemp(prefix="assay-monitoring-"))
    settings = without_tools(postgres_server.settings("monitoring_browser", home))
    engine = make_engine(settings)
    now = datetime.now(UTC)
    fill(engine, now)
    open_or_touch(engine, [DRIFT, AWAY, LONG], ran={("stats", "viral")}, at=now)
    with sync_playwright() as playwright, served(settings) as pages:
        browser = launch(playwright)
        yield pages.url, browser, dict(session_cookie(engine, "viewer", "viewer"))
        browser.close()
    engine.dispose()
    postgres_server.drop_database("monitoring_browser")
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def watched(place: tuple[str, Browser, dict[str, str]]) -> Iterator[Page]:
    url, browser, cookie = place
    context = browser.new_context(viewport=WIDE, reduced_motion="reduce", base_url=url)
    context.set_default_timeout(15_000)
    context.add_cookies([{"url": url, **cookie}])
    with watched_page(context, url) as page:
        yield page


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_for_everybody(watched: Page, name: str) -> None:
    """WCAG AA by axe in light and dark, no sideways scrolling at 360 px, nothing from elsewhere."""
    watched.goto(PAGES[name])
    check_for_everybody(watched)


def test_from_what_is_wrong_to_the_figures_behind_it_by_keyboard(watched: Page) -> None:
    watched.goto("/monitoring")
    watched.get_by_role("link", name="Look at it").first.press("Enter")
    expect(watched.get_by_role("heading", name="Trends")).to_be_visible()
    watched.get_by_role("link", name="90 days").press("Enter")
    watched.get_by_text("As a table").first.press("Enter")
    expect(watched.get_by_role("columnheader", name="Value").first).to_be_visible()
