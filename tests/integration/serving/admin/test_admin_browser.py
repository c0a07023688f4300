"""The admin pages in a real browser, on real MLflow, Prefect and PostgreSQL."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from sqlalchemy import Engine

from config.settings import Settings
from registry.gate import Check, GateResult
from registry.registry import Registry
from storage.accounts import create_account
from storage.database import make_engine
from tests import admin_world
from tests.browsing import check_for_everybody, launch, new_context, watched_page
from tests.conftest import TEMPLATE, PostgresServer
from tests.verify_world import served, session_cookie
from tests.viral_world import roles, trained

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
PASSWORD = "correct horse battery"
PAGES = {
    "login": "/login", "home": "/", "datasets": "/datasets", "a family's datasets": "/datasets/viral",
    "a dataset": "/datasets/viral/verified/2026-10", "a face dataset": "/datasets/face/full/2026-10",
    "what changed": "/datasets/viral/full/2026-10/diff?from=viral/full/2026-09",
    "a preview": "/datasets/viral/preview?month=2026-10", "models": "/models",
    "a family's models": "/models/viral",
    "a model": "/models/viral/1", "models compared": "/models/viral/compare?v=1&v=2&v=3",
    "promote": "/models/viral/3/promote", "roll back": "/models/viral/rollback", "runs": "/runs",
    "a run": "{run}",
    "start a run": "/runs/start/collect-daily", "accounts": "/accounts", "an account": "/account",
    "no page": "/nowhere",
}  # fmt: skip


@dataclass
class House:
    """The pages at ``url`` with all that is behind them, and a browser."""

    url: str
    settings: Settings
    engine: Engine
    registry: Registry
    browser: Browser
    run: str
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)

    def context(self, role: str | None = None, **options: Any) -> BrowserContext:
        return new_context(self.browser, self.url, self.cookies[role] if role else None, **options)


@pytest.fixture(scope="module")
def house(postgres_server: PostgresServer, mlflow_url: str, prefect_url: str) -> Iterator[House]:
    postgres_server.create_database("admin_browser", TEMPLATE)
    home = Path(tempfile.mkdtemp(prefix="assay-browser-"))
    settings = postgres_server.settings(
        "admin_browser", home, mlflow_tracking_uri=mlflow_url, prefect_api_url=prefect_url
    )
    engine = make_engine(settings)
    registry = Registry(settings, engine)
    admin_world.publish_viral(settings, engine)
    admin_world.publish_face(settings, engine)
    admin_world.index_face(engine)
    admin_world.decide_some(engine)
    _register(registry, mlflow_url)
    run = _deploy(prefect_url)
    with sync_playwright() as playwright, served(settings) as pages:
        browser = launch(playwright)
        made = House(pages.url, settings, engine, registry, browser, run)
        made.cookies |= {
            role: dict(session_cookie(engine, role, role)) for role in ("viewer", "verifier", "admin")
        }
        yield made
        browser.close()
    registry.close()
    engine.dispose()
    postgres_server.drop_database("admin_browser")
    shutil.rmtree(home, ignore_errors=True)


def _register(registry: Registry, url: str) -> None:
    """Version 1 in production, version 2 that passed the gate against it, version 3 that did not."""
    httpx.request(
        "DELETE", f"{url}/api/2.0/mlflow/registered-models/delete", json={"name": "viral"}, trust_env=False
    )
    counts = dict(zip(("train", "valid", "test"), (part.num_rows for part in roles()), strict=True))
    for number, month in ((1, "2026-09"), (2, "2026-10"), (3, "2026-10")):
        predictor, evaluation = trained(number == 1)
        version = registry.log_training(
            family="viral", predictor=predictor, evaluation=evaluation, comparison=None,
            dataset=f"viral/full/{month}", dataset_sha256="a" * 64, params={}, rows=counts,
            key=f"browser-{number}",
        )  # fmt: skip
        checks = (Check("accuracy floor", number != 3, "test accuracy 0.900, at least 0.95"),)
        gate = GateResult(number != 3, checks, None if number == 1 else "1")
        registry.record_gate("viral", version.version, gate)
    registry.promote("viral", "1", actor="retrain run 4559cd", reason="It passed the gate.", at=AT)


def _deploy(url: str) -> str:
    """A deployment as deploy_flows.py makes them, and a run of it that no worker takes; gives its path."""
    with httpx.Client(base_url=url, trust_env=False) as prefect:
        flow = prefect.post("/flows/", json={"name": "collect-daily"}).json()["id"]
        nothing = [{"type": "null"}]
        schema = {
            "type": "object",
            "properties": {
                "date": {"anyOf": [{"type": "string", "format": "date"}, *nothing], "position": 0},
                "until": {"anyOf": [{"type": "string", "format": "date"}, *nothing], "position": 1},
                "families": {
                    "anyOf": [{"type": "array", "items": {"type": "string"}}, *nothing],
                    "description": "which families; empty means all.", "position": 2,
                },
            },
        }  # fmt: skip
        body = {
            "name": "collect-daily", "flow_id": flow, "parameter_openapi_schema": schema,
            "description": "Each day at 00:00. Run it with `date` to fill in past days.",
        }  # fmt: skip
        deployment = prefect.post("/deployments/", json=body).json()["id"]
        made = prefect.post(
            f"/deployments/{deployment}/create_flow_run", json={"parameters": {"date": "2026-10-01"}}
        )
        return f"/runs/{made.json()['id']}"


@pytest.fixture
def watched(house: House) -> Iterator[Page]:
    """A page of an admin."""
    with watched_page(house.context("admin"), house.url) as page:
        yield page


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_for_everybody(watched: Page, house: House, name: str) -> None:
    """WCAG AA by axe in light and dark, no sideways scrolling at 360 px, nothing from elsewhere."""
    page = watched
    if name == "login":
        page.context.clear_cookies()
    page.goto(house.url + PAGES[name].format(run=house.run))
    expect(page.locator("[data-fragment][aria-busy]")).to_have_count(0)
    check_for_everybody(page)


def test_logging_in_leads_to_the_page_that_was_asked_for_and_out_again(house: House) -> None:
    create_account(house.engine, name="ada", role="viewer", password=PASSWORD, at=AT)
    context = house.context()
    page = context.new_page()
    page.goto(f"{house.url}/datasets/viral?x=1")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("wrong password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Name or password is wrong.")
    expect(page.get_by_label("Name")).to_have_value("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{house.url}/datasets/viral?x=1")
    expect(page.get_by_role("link", name="Datasets").first).to_have_attribute("aria-current", "page")
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_text("You are logged out.")).to_be_visible()
    page.goto(f"{house.url}/datasets")
    expect(page).to_have_url(f"{house.url}/login?next=/datasets")
    context.close()


def test_after_wrong_passwords_the_page_says_how_long_to_wait(house: House) -> None:
    context = house.context()
    page = context.new_page()
    page.goto(f"{house.url}/login")
    for _ in range(5):
        page.get_by_label("Name").fill("mallory")
        page.get_by_label("Password").fill("guess")
        with page.expect_navigation():
            page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text(
        re.compile(r"There were too many failed logins\. Try again in \d+ s\.")
    )
    context.close()


def test_the_first_tab_skips_to_the_content_and_focus_is_seen(watched: Page, house: House) -> None:
    page = watched
    page.goto(house.url)
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_the_theme_is_changed_at_once_and_remembered(watched: Page, house: House) -> None:
    page = watched
    page.goto(house.url)

    def ground() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    light = ground()
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Dark").click()
    dark = ground()
    assert dark != light
    page.goto(f"{house.url}/datasets")
    assert ground() == dark
    page.locator(".menu summary").click()
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(page.locator(".menu-body")).to_be_hidden()


def test_a_viewer_sees_nothing_that_changes_anything(house: House) -> None:
    context = house.context("viewer")
    page = context.new_page()
    for path in ("/", "/models/viral", "/models/viral/2", "/runs", "/datasets/viral/full/2026-10"):
        page.goto(house.url + path)
        forms = page.locator("main form[method=post], .end a[href$=promote], .end a[href$=rollback]")
        assert forms.count() == 0, path
        for word in ("Promote", "Roll back", "Start", "Download"):
            found = page.locator("main").get_by_role("link", name=re.compile(f"^{word}"))
            assert found.count() == 0, (path, word)
    assert page.get_by_role("link", name="Accounts").count() == 0
    answer = page.goto(f"{house.url}/models/viral/2/promote")
    assert answer is not None
    assert answer.status == 403
    expect(page.get_by_text("This is for the role admin; yours is viewer.")).to_be_visible()
    context.close()


def test_promoting_and_rolling_back_with_a_reason(watched: Page, house: House) -> None:
    page = watched
    page.goto(f"{house.url}/models/viral")
    page.get_by_role("link", name="Promote version 2").click()
    page.get_by_role("button", name="Promote version 2").click()
    assert page.evaluate("document.activeElement.id") == "reason", "the browser asks for the reason"
    page.get_by_label("Why").fill("better on small creators")
    page.get_by_role("button", name="Promote version 2").click()
    expect(page.get_by_text("Version 2 of viral is in production.")).to_be_visible()
    assert house.registry.production("viral").version == "2"  # type: ignore[union-attr]
    row = page.locator("section", has=page.get_by_role("heading", name="History")).locator("tbody tr").first
    expect(row).to_contain_text("better on small creators")
    expect(row).to_contain_text("admin")
    page.reload()
    assert page.get_by_text("Version 2 of viral is in production.").count() == 0, "it is said once"

    page.get_by_role("link", name="Roll back…").click()
    page.get_by_label("Why").fill("complaints since this morning")
    page.get_by_role("button", name="Roll back").click()
    expect(page.get_by_text("Version 1 of viral is in production again.")).to_be_visible()
    moves = house.registry.history("viral")[:2]
    assert [(move.action, move.actor, move.to_version) for move in moves] == [
        ("rollback", "admin", "1"), ("promote", "admin", "2"),
    ]  # fmt: skip


def test_of_two_who_roll_back_at_once_the_second_goes_no_further(house: House) -> None:
    for number in ("2", "3"):
        house.registry.promote("viral", number, actor="test", reason="x", force=True, at=AT)
    contexts = [house.context("admin") for _ in range(2)]
    first, second = pages = [context.new_page() for context in contexts]
    for page in pages:
        page.goto(f"{house.url}/models/viral/rollback")
        expect(page.get_by_label("Go back to")).to_have_value("2")
        page.get_by_label("Why").fill("both saw it fail")
    first.get_by_role("button", name="Roll back").click()
    expect(first.get_by_text("Version 2 of viral is in production again.")).to_be_visible()
    second.get_by_role("button", name="Roll back").click()
    expect(second.get_by_role("alert")).to_contain_text("Version 2 of 'viral' is in production already.")
    assert house.registry.production("viral").version == "2"  # type: ignore[union-attr]
    for context in contexts:
        context.close()
    house.registry.rollback("viral", actor="test", reason="as it was", to="1", at=AT)


def test_a_version_that_the_gate_refused_needs_the_tick(watched: Page, house: House) -> None:
    page = watched
    page.goto(f"{house.url}/models/viral/3/promote")
    page.get_by_label("Why").fill("the test rows were odd")
    page.get_by_role("button", name="Promote version 3").click()
    expect(page.get_by_role("alert")).to_contain_text("did not pass the gate: test accuracy 0.900")
    expect(page.get_by_label("Why")).to_have_value("the test rows were odd")
    assert house.registry.production("viral").version != "3"  # type: ignore[union-attr]
    page.get_by_label("Promote even if the gate").check()
    page.get_by_role("button", name="Promote version 3").click()
    expect(page.get_by_text("Version 3 of viral is in production.")).to_be_visible()
    assert house.registry.history("viral")[0].action == "force"
    house.registry.rollback("viral", actor="test", reason="as it was", to="1", at=AT)


def test_versions_are_compared_by_ticking_them_and_plots_come_from_here(watched: Page, house: House) -> None:
    page = watched
    page.goto(f"{house.url}/models/viral")
    for number in ("1", "2", "3"):
        page.get_by_label(f"Compare version {number}").set_checked(number != "3")
    page.get_by_role("button", name="Compare the ticked versions").click()
    expect(
        page.get_by_text("they were measured on the test rows of different dataset versions")
    ).to_be_visible()
    primary = page.locator("tr", has=page.get_by_role("rowheader", name="macro_f1"))
    expect(primary).to_contain_text(re.compile(r"[+−]0\.\d+"))
    picture = page.get_by_alt_text("Confusion of version 2")
    picture.scroll_into_view_if_needed()
    expect(picture).to_be_visible()
    page.wait_for_function("image => image.complete && image.naturalWidth > 100", arg=picture.element_handle())


def test_what_changed_arrives_by_itself(watched: Page, house: House) -> None:
    page = watched
    page.goto(f"{house.url}/datasets/viral/verified/2026-10")
    changed = page.locator("section", has=page.get_by_role("heading", name="What changed"))
    expect(changed.locator("dl.counts")).to_contain_text("Added")
    changed.get_by_text("Examples").click()
    expect(changed.locator("tbody tr").first).to_be_visible()


def test_a_run_is_started_for_a_past_day_and_watched_without_reloading(watched: Page, house: House) -> None:
    page = watched
    page.goto(f"{house.url}/runs")
    page.get_by_role("link", name="Start collect-daily").click()
    page.get_by_label("Until").fill("2026-10-01")
    page.get_by_role("button", name="Start now").click()
    expect(page.get_by_role("alert")).to_contain_text("A span of days needs its first day too.")
    page.get_by_label("Date").fill("2026-09-30")
    page.get_by_label("viral").check()
    page.get_by_role("button", name="Start now").click()
    expect(page).to_have_url(re.compile(r"/runs/[0-9a-f-]{36}$"))
    expect(page.get_by_text("collect-daily was asked to run as")).to_be_visible()
    expect(page.locator(".run")).to_contain_text("2026-09-30")
    expect(page.get_by_role("link", name="In Prefect")).to_have_attribute(
        "href", re.compile(f"^{house.settings.prefect_url.removesuffix('/api')}/runs/flow-run/")
    )
    run_id = page.url.rsplit("/", 1)[-1]
    body = {"state": {"type": "COMPLETED", "name": "Completed"}, "force": True}
    path = f"{house.settings.prefect_url}/flow_runs/{run_id}/set_state"
    assert httpx.post(path, json=body, trust_env=False).is_success
    expect(page.locator(".run .tag")).to_have_text("Completed", timeout=10_000)
    assert page.locator("[data-poll]").count() == 0, "it asks no more"


def test_an_account_is_made_used_and_disabled(watched: Page, house: House) -> None:
    page = watched
    page.goto(f"{house.url}/accounts")
    page.get_by_label("Name").fill("New.Person")
    page.get_by_label("Role", exact=True).select_option("verifier")
    page.get_by_role("button", name="Create it").click()
    password = page.locator(".notice.good code").inner_text()

    context = house.context()
    theirs = context.new_page()
    theirs.goto(f"{house.url}/login")
    theirs.get_by_label("Name").fill("new.person")
    theirs.get_by_label("Password").fill(password)
    theirs.keyboard.press("Enter")
    expect(theirs.get_by_role("heading", name="Home")).to_be_visible()

    page.get_by_role("button", name="Disable new.person").click()
    expect(page.get_by_text("'new.person' is disabled.")).to_be_visible()
    theirs.reload()
    expect(theirs).to_have_url(f"{house.url}/login")
    context.close()


def test_without_scripts_the_pages_still_work(house: House) -> None:
    context = house.context("admin", java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{house.url}/datasets/viral/verified/2026-10")
    page.get_by_role("link", name="Compare with viral/verified/2026-10").click()
    expect(page.locator("dl.counts")).to_contain_text("Unchanged")
    page.goto(f"{house.url}/datasets/viral/preview?month=2026-10")
    page.get_by_role("link", name="Work it out").click()
    expect(page.get_by_role("heading", name="Verified 2026-10")).to_be_visible()
    page.goto(house.url)
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    context.close()
