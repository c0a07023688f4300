"""Experiments in a real browser: made, started, watched while people come, and concluded."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from sqlalchemy import Engine

from serving.experiments.desk import ExperimentDesk
from storage import experiments
from storage.database import make_engine
from tests.browsing import check_for_everybody, launch, new_context, violations, watched_page
from tests.conftest import TEMPLATE, PostgresServer
from tests.experiments_world import STARTED, make, thumbnails, visit
from tests.integration.serving.admin.conftest import without_tools
from tests.verify_world import served, session_cookie

#: Figures are asked for again after some seconds, and later on a busy machine.
SOON = 30_000
RATES = {"plain": 0.05, "face": 0.3, "text": 0.1}
PAGES = {
    "list": "/experiments", "new": "/experiments/_new", "running": "/experiments/runs",
    "twenty variants": "/experiments/twenty", "draft": "/experiments/draft", "edit": "/experiments/draft/edit",
    "over": "/experiments/over", "start": "/experiments/draft/start", "pause": "/experiments/runs/pause",
    "conclude": "/experiments/runs/conclude", "long names": "/experiments/long",
    "long names to choose": "/experiments/long/conclude", "other policies": "/experiments/runs/off-policy",
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
    postgres_server.create_database("experiment_browser", TEMPLATE)
    home = Path(tempfile.mkdtemp(prefix="assay-experiments-"))
    settings = without_tools(postgres_server.settings("experiment_browser", home))
    engine = make_engine(settings)
    _fill(engine)
    with sync_playwright() as playwright, served(settings) as pages:
        browser = launch(playwright)
        cookies = {role: dict(session_cookie(engine, role, role)) for role in ("viewer", "admin")}
        yield House(pages.url, engine, browser, cookies)
        browser.close()
    engine.dispose()
    postgres_server.drop_database("experiment_browser")
    shutil.rmtree(home, ignore_errors=True)


def _fill(engine: Engine) -> None:
    visit(engine, make(engine, thumbnails("runs")), RATES, 300)
    names = [f"hook-{number:02}" for number in range(20)]
    twenty = make(engine, thumbnails("twenty", variants=[{"name": name} for name in names], guardrails=[]))
    visit(engine, twenty, dict.fromkeys(names, 0.1), 200)
    make(engine, thumbnails("draft"), start=False)
    long = [{"name": letter * 64} for letter in "ab"]
    make(engine, thumbnails("long", title="W" * 200, variants=long))
    visit(engine, make(engine, thumbnails("over")), RATES, 100)
    ExperimentDesk(engine).conclude("over", "face", "ada", "clearly ahead")


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


def test_from_the_form_to_the_winner_with_the_chart_following(watched: Page, house: House) -> None:
    page = watched
    page.goto(f"{house.url}/experiments")
    page.get_by_role("link", name="New experiment").click()
    page.get_by_label("Id", exact=True).fill("story")
    page.get_by_label("Title").fill("Which thumbnail")
    page.get_by_role("button", name="Add a variant").click()
    expect(page.get_by_label("Name of variant 3")).to_be_focused()
    for number, name in enumerate(RATES, start=1):
        page.get_by_label(f"Name of variant {number}").fill(name)
    page.get_by_label("Metric of guard-rail 1").fill("load_seconds")
    page.get_by_label("Limit of guard-rail 1").fill("0.5")
    page.get_by_label("Greatest value of guard-rail 1").fill("5")
    page.get_by_role("button", name="Make the draft").click()
    expect(page.get_by_text("Draft made.")).to_be_visible()

    page.get_by_role("link", name="Start…").click()
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("It runs from now on.")).to_be_visible()
    expect(page.get_by_text("Nobody has been decided about yet.")).to_be_visible()
    line, hill = page.locator('[data-shape="share1"]'), page.locator('[data-shape="density1"]')
    before = hill.get_attribute("d")
    assert line.get_attribute("d") == ""

    definition = ExperimentDesk(house.engine).get("story").definition
    from models.experiments.definition import parse_definition

    visit(house.engine, parse_definition(definition), RATES, 300, seed=9, first=STARTED + timedelta(days=2))
    expect(page.locator('[data-live="decisions"]')).to_have_text("300", timeout=SOON)
    expect(line).to_have_attribute("d", re.compile(r"^M0\.0 .* L1000\.0 "))
    assert hill.get_attribute("d") != before
    expect(page.get_by_text("Nobody has been decided about yet.")).to_be_hidden()
    page.get_by_text("The shares as a table").click()
    expect(page.locator('[data-table="shares"] tr').first).to_be_visible()
    assert violations(page) == [], "after the figures were renewed"

    page.get_by_role("link", name="Conclude…").click()
    page.get_by_role("radio", name="face").check()
    page.get_by_role("button", name="Conclude").click()
    assert page.evaluate("document.activeElement.id") == "reason", "the browser asks for the reason"
    page.get_by_label("Why").fill("clearly ahead")
    page.get_by_role("button", name="Conclude").click()
    expect(page.get_by_text("everybody gets the winner, face")).to_be_visible()
    row = page.locator("section", has=page.get_by_role("heading", name="History")).locator("tbody tr").first
    expect(row).to_contain_text("Winner: face. clearly ahead")
    ended = experiments.get(house.engine, "story")
    assert (ended.state, ended.winner) == ("concluded", "face")


def test_who_watches_is_told_that_somebody_else_changed_it(watched: Page, house: House) -> None:
    make(house.engine, thumbnails("shared"))
    page = watched
    page.goto(f"{house.url}/experiments/shared")
    ExperimentDesk(house.engine).pause("shared", "guard", "load_seconds of face is worse")
    expect(page.get_by_text("It was changed, and is paused now.")).to_be_visible(timeout=SOON)
    page.get_by_role("link", name="Reload the page").click()
    expect(page.get_by_text("It is paused: everybody gets the control")).to_be_visible()
    expect(page.get_by_text("load_seconds of face is worse")).to_be_visible()


def test_the_figures_can_be_held(watched: Page, house: House) -> None:
    page = watched
    page.goto(f"{house.url}/experiments/runs")
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if one.url.endswith("/live") else None)
    button = page.get_by_role("button", name="Live")
    expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    page.wait_for_timeout(3500)
    assert asked == []
    with page.expect_response(lambda answer: answer.url.endswith("/live")):
        button.click()


def test_fields_follow_what_is_chosen(watched: Page, house: House) -> None:
    page = watched
    page.goto(f"{house.url}/experiments/_new")
    expect(page.get_by_label("Least value", exact=True)).to_be_hidden()
    page.get_by_label("Kind", exact=True).select_option("number")
    expect(page.get_by_label("Least value", exact=True)).to_be_visible()
    expect(page.get_by_label("Posterior")).to_have_value("normal")
    page.get_by_label("How a variant is chosen").select_option("contextual")
    expect(page.get_by_label("Posterior")).to_be_hidden()
    page.get_by_label("Name of context field 1").fill("country")
    page.get_by_role("button", name="Add a context field").click()
    expect(page.get_by_label("Name of context field 2")).to_have_value("")
    page.get_by_label("How a variant is chosen").select_option("fixed")
    expect(page.get_by_label("Name of context field 1")).to_be_hidden()


def test_enter_in_a_field_makes_the_draft_and_no_row(watched: Page, house: House) -> None:
    page = watched
    page.goto(f"{house.url}/experiments/_new")
    page.get_by_label("Id", exact=True).fill("by-enter")
    page.get_by_label("Title").fill("By enter")
    for number, name in enumerate(("a", "b"), start=1):
        page.get_by_label(f"Name of variant {number}").fill(name)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Draft made.")).to_be_visible()
    assert len(experiments.get(house.engine, "by-enter").variants) == 2


def test_without_scripts_the_pages_still_work(house: House) -> None:
    context = house.context("admin", java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{house.url}/experiments/runs")
    expect(page.locator('[data-live="decisions"]')).to_have_text("300")
    assert page.locator('[data-shape="share1"]').get_attribute("d")
    expect(page.get_by_role("button", name="Live")).to_be_hidden()
    page.goto(f"{house.url}/experiments/_new")
    page.get_by_label("Id", exact=True).fill("plain-html")
    page.get_by_label("Title").fill("Plain HTML")
    page.get_by_role("button", name="Add a variant").click()
    expect(page.get_by_label("Id", exact=True)).to_have_value("plain-html")
    for number, name in enumerate(("a", "b", "c"), start=1):
        page.get_by_label(f"Name of variant {number}").fill(name)
    page.get_by_role("button", name="Make the draft").click()
    expect(page.get_by_text("Draft made.")).to_be_visible()
    assert [one["variant"] for one in experiments.get(house.engine, "plain-html").variants] == ["a", "b", "c"]
    context.close()


def test_a_viewer_sees_nothing_that_changes_anything(house: House) -> None:
    context = house.context("viewer")
    page = context.new_page()
    for path in ("/experiments", "/experiments/runs", "/experiments/draft", "/experiments/over"):
        page.goto(house.url + path)
        assert page.locator("main form[method=post]").count() == 0, path
        for word in ("New", "Start", "Pause", "Resume", "Conclude", "Edit", "Give up"):
            found = page.locator("main").get_by_role("link", name=re.compile(f"^{word}"))
            assert found.count() == 0, (path, word)
    context.close()
