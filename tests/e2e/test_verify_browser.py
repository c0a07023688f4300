"""The verify page in a real browser: keys, pointer, undo, conflicts, a lost network, and who may do what."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from sqlalchemy import Engine, text

from config.settings import Settings
from storage.accounts import get_account
from storage.admin_sessions import open_session
from storage.candidates import Candidate, Filter, decide_many
from storage.candidates import page as candidates_of
from storage.database import make_engine, transaction
from storage.reviews import latest_decisions
from tests.browsing import launch
from tests.conftest import TEMPLATE, PostgresServer
from tests.verify_world import index_photos, index_rows, put_photos, served, session_cookie

DATABASE = "verify_browser"
PHOTOS = 70
VIEW = {"width": 1280, "height": 800}


@dataclass
class World:
    """The pages at ``url``, their database, and a browser."""

    url: str
    settings: Settings
    engine: Engine
    browser: Browser
    cookies: dict[str, dict[str, str]]

    def context(self, name: str, **options: object) -> BrowserContext:
        made = self.browser.new_context(**{"viewport": VIEW, **options})
        made.set_default_timeout(10_000)
        made.add_cookies([{**self.cookies[name], "url": self.url}])
        return made

    def states(self, family: str = "face") -> dict[str, str]:
        """Label and state of each candidate that is no longer waiting, by id."""
        rows = candidates_of(self.engine, Filter(family, state="any"), limit=1000)
        return {str(one.id): one.corrected_label or one.state for one in rows if one.state != "waiting"}

    def first(self, family: str = "face") -> Candidate:
        return candidates_of(self.engine, Filter(family, state="any"), limit=1)[0]


@pytest.fixture(scope="module")
def world(postgres_server: PostgresServer) -> Iterator[World]:
    home = Path(tempfile.mkdtemp(prefix="assay-verify-"))
    postgres_server.create_database(DATABASE, TEMPLATE)
    settings = postgres_server.settings(DATABASE, home)
    engine = make_engine(settings)
    put_photos(settings, range(PHOTOS - 1))
    cookies = {
        name: dict(session_cookie(engine, name, role))
        for name, role in (("ana", "verifier"), ("bea", "admin"), ("vera", "viewer"))
    }
    with sync_playwright() as playwright, served(settings) as pages:
        browser = launch(playwright)
        yield World(pages.url, settings, engine, browser, cookies)
        browser.close()
    engine.dispose()
    postgres_server.drop_database(DATABASE)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(autouse=True)
def candidates(world: World) -> None:
    """The same candidates for each test, none decided."""
    with transaction(world.engine) as connection:
        connection.execute(text("truncate candidates, reviews"))
    index_photos(world.settings, world.engine, PHOTOS, pictures=0)
    index_rows(world.engine)


Open = Callable[..., Page]


@pytest.fixture
def open_page(world: World) -> Iterator[Open]:
    """Opens the page of a family as somebody; what the scripts complain of fails the test."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def opened(path: str = "/verify/face", name: str = "ana", **options: object) -> Page:
        context = world.context(name, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda message: errors.append(message.text) if "Security Policy" in message.text else None,
        )
        page.goto(world.url + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []


def saved(page: Page) -> None:
    """Wait until all is saved."""
    expect(page.locator("[data-figure=saved]")).to_be_hidden()


def focused(page: Page) -> str:
    """Id of the candidate in focus."""
    found = page.locator("#verify-list").get_attribute("aria-activedescendant")
    assert found is not None
    return found.removeprefix("v-")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_photos_are_confirmed_corrected_rejected_and_skipped_by_keys(world: World, open_page: Open) -> None:
    page = open_page()
    expect(page.locator("[data-figure=left]")).to_have_text("70")
    assert "undefined" not in page.locator("main").inner_text()
    ids = [focused(page)]
    for key in ("Enter", "m", "x", "s", "Space", "Backspace"):
        press(page, key)
        ids.append(focused(page))
    saved(page)
    assert len(set(ids)) == 7
    assert world.states() == dict(
        zip(ids, ("accept", "Melting", "reject", "skip", "accept", "reject"), strict=False)
    )
    expect(page.locator("[data-figure=left]")).to_have_text("64")
    expect(page.locator("[data-figure=today]")).to_have_text("5")  # a skip decides nothing
    expect(page.locator("#verify-live")).to_have_text(re.compile("rejected .*64 left"))


def test_the_key_of_the_predicted_class_confirms(world: World, open_page: Open) -> None:
    page = open_page()
    assert world.first().label == "Serious"
    press(page, "2")
    saved(page)
    assert list(world.states().values()) == ["accept"]


def test_a_class_is_typed_by_its_name(world: World, open_page: Open) -> None:
    page = open_page()
    first = focused(page)
    press(page, "Shift+R")
    page.keyboard.type("en")
    expect(page.get_by_role("option", name="Renaissance", exact=True)).to_be_visible()
    press(page, "Enter")
    second = focused(page)
    press(page, "c")
    page.keyboard.type("s")  # would be a skip outside of the field
    press(page, "ArrowDown", "ArrowDown", "Enter")
    saved(page)
    assert world.states() == {first: "Renaissance", second: "Strong"}


def test_keys_do_nothing_while_one_types_or_holds_a_modifier(world: World, open_page: Open) -> None:
    page = open_page()
    press(page, "/", "Tab")
    page.locator("#f-user").fill("")
    page.locator("#f-user").press_sequentially("xs")
    press(page, "Escape", "Control+x", "Alt+x", "Meta+s")
    page.wait_for_timeout(100)
    assert world.states() == {}
    press(page, "x")
    saved(page)
    assert list(world.states().values()) == ["reject"]


def test_single_keys_can_be_switched_off(world: World, open_page: Open) -> None:
    page = open_page()
    press(page, "?")
    page.locator("#verify-single").uncheck()
    press(page, "Escape", "x", "m")
    page.get_by_role("button", name="Reject").click()
    saved(page)
    assert list(world.states().values()) == ["reject"]
    page.reload()
    press(page, "x")
    page.wait_for_timeout(100)
    assert len(world.states()) == 1


def test_several_steps_are_undone(world: World, open_page: Open) -> None:
    page = open_page()
    first = focused(page)
    press(page, "Enter", "m", "x")
    saved(page)
    press(page, "u", "Control+z")
    saved(page)
    assert world.states() == {first: "accept"}
    expect(page.locator("[data-figure=left]")).to_have_text("69")
    page.get_by_role("button", name="Undo").click()
    saved(page)
    assert world.states() == {}
    assert focused(page) == first
    assert latest_decisions(world.engine, "face") == {}
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()


def test_a_reload_keeps_what_was_decided(world: World, open_page: Open) -> None:
    page = open_page()
    first = focused(page)
    press(page, "Enter", "Enter")
    saved(page)
    page.reload()
    expect(page.locator("[data-figure=left]")).to_have_text("68")
    expect(page.locator("[data-figure=today]")).to_have_text("2")
    assert focused(page) != first
    page.goto(world.url + "/verify/face?state=accept")
    expect(page.locator("#verify-focus .tag")).to_have_text("Confirmed")
    expect(page.locator("#verify-focus")).to_contain_text("ana")


def test_undo_outlives_a_reload_and_another_filter(world: World, open_page: Open) -> None:
    page = open_page()
    first = focused(page)
    press(page, "x")
    second = focused(page)
    press(page, "Enter")
    saved(page)
    page.reload()
    press(page, "u")
    saved(page)
    assert world.states() == {first: "reject"}
    expect(page.locator("#verify-focus img").first).to_have_attribute("data-id", second)
    page.goto(f"{world.url}/verify/face?state=skip")
    press(page, "u", "u")
    saved(page)
    assert world.states() == {}


def test_the_counts_of_the_states_and_of_the_list_follow_what_is_decided(world: World, open_page: Open) -> None:
    page = open_page()
    states = page.locator("#f-state")
    expect(page.locator("#verify-shown")).to_have_text(f"1 of {PHOTOS}")
    press(page, "x", "Enter")
    expect(states).to_contain_text(f"Waiting ({PHOTOS - 2})")
    expect(states).to_contain_text("Rejected (1)")
    press(page, "u")
    expect(states).to_contain_text("Confirmed (0)")
    saved(page)
    page.goto(f"{world.url}/verify/face?state=reject")
    expect(page.locator("#verify-progress")).to_contain_text("1 in this list")


def test_of_two_admins_the_second_sees_who_decided_and_overwrites_nothing(
    world: World, open_page: Open
) -> None:
    one, two = open_page(), open_page(name="bea")
    first = focused(one)
    press(one, "x")
    saved(one)
    press(two, "Enter")
    notice = two.locator(".v-notice", has_text="ana rejected")
    expect(notice).to_contain_text("before you confirmed")
    saved(two)
    assert world.states() == {first: "reject"}
    notice.get_by_role("button", name="Decide anew").click()
    assert focused(two) == first
    expect(two.locator("#verify-focus .tag")).to_have_text("Rejected")
    press(two, "m")
    saved(two)
    assert world.states() == {first: "Melting"}


def test_a_decision_on_top_of_a_conflict_does_not_slip_through(world: World, open_page: Open) -> None:
    page = open_page()
    first = world.first()
    page.context.set_offline(True)
    press(page, "Enter", "ArrowLeft", "m")  # twice about the same photo, both unsent
    decide_many(world.engine, [(first.id, 0)], "reject", by="bea", at=_now())
    page.context.set_offline(False)
    expect(page.locator(".v-notice", has_text="bea rejected")).to_be_visible()
    saved(page)
    assert world.states() == {str(first.id): "reject"}


def test_filters_live_in_the_address_and_the_back_button_works(world: World, open_page: Open) -> None:
    page = open_page()
    page.select_option("#f-class", "Soft")
    page.get_by_role("textbox", name="Confidence from").fill("50")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**/verify/face?class=Soft&least=50")
    expect(page.locator("#f-class")).to_have_value("Soft")
    names = page.locator("#verify-list .v-name").all_text_contents()
    assert set(names) == {"Soft"}
    page.go_back()
    page.wait_for_url("**/verify/face")
    expect(page.locator("[data-figure=left]")).to_have_text("70")
    page.goto(world.url + "/verify/face?when=2026-13&least=x")
    expect(page.locator(".notice.warn").first).to_contain_text("neither a day")
    page.goto(world.url + "/verify/face?when=2026-11&user=user-3")
    expect(page.locator("[data-figure=left]")).to_have_text("2")


def test_a_selection_is_decided_at_once_and_undone_at_once(world: World, open_page: Open) -> None:
    page = open_page()
    ids = page.locator("#verify-list [role=option]").evaluate_all("all => all.map(one => one.id.slice(2))")[:4]
    press(page, "v", "ArrowRight", "ArrowRight", "ArrowRight")
    expect(page.locator(".v-subject")).to_have_text("For all 4 that are selected:")
    press(page, "x")
    saved(page)
    assert world.states() == dict.fromkeys(ids, "reject")
    press(page, "u")
    saved(page)
    assert world.states() == {}
    page.locator(f"#v-{ids[0]}").click()
    page.locator(f"#v-{ids[2]}").click(modifiers=["Shift"])
    page.locator(f"#v-{ids[1]}").click(modifiers=["Control"])
    page.get_by_role("button", name="Melting").click()
    saved(page)
    assert world.states() == {ids[0]: "Melting", ids[2]: "Melting"}


def test_the_pointer_does_all_that_keys_do(world: World, open_page: Open) -> None:
    page = open_page()
    first = focused(page)
    page.get_by_role("button", name="Confirm Serious").click()
    press(page, "Enter")  # not the button again: the next photo
    saved(page)
    assert list(world.states().values()) == ["accept", "accept"]
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Skip").click()
    page.get_by_role("button", name="Type …").click()
    page.get_by_role("option", name="Queen", exact=True).click()
    saved(page)
    assert sorted(world.states().values()) == ["Queen", "skip"]
    assert world.states()[first] == "skip"


def test_decisions_survive_a_lost_network(world: World, open_page: Open) -> None:
    page = open_page()
    page.context.set_offline(True)
    press(page, "Enter", "x", "m")
    notice = page.locator(".v-notice", has_text="cannot be reached")
    expect(notice).to_contain_text("kept in this page")
    expect(page.locator("[data-figure=saved]")).to_have_text("3 unsaved")
    assert world.states() == {}
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.close(run_before_unload=True)
    page.wait_for_timeout(200)
    assert asked == ["beforeunload"]
    page.context.set_offline(False)
    saved(page)
    expect(notice).to_be_hidden()
    assert sorted(world.states().values()) == ["Melting", "accept", "reject"]


def test_an_answer_that_was_lost_is_no_conflict(world: World, open_page: Open) -> None:
    page = open_page()

    def swallow(route: object) -> None:
        route.fetch()  # type: ignore[attr-defined]  # it arrives, and the answer does not
        route.abort()  # type: ignore[attr-defined]
        page.unroute("**/decisions")

    page.route("**/decisions", swallow)
    press(page, "Enter")
    expect(page.locator(".v-notice")).to_be_visible()
    saved(page)
    expect(page.locator(".v-notice")).to_have_count(0)
    assert list(world.states().values()) == ["accept"]
    assert world.first().revision == 1


def test_the_end_of_a_session_loses_nothing(world: World, open_page: Open) -> None:
    page = open_page()
    page.context.clear_cookies()
    press(page, "x")
    notice = page.locator(".v-notice", has_text="Your session has ended")
    expect(notice.get_by_role("link", name="Log in")).to_be_visible()
    world.cookies["ana"] = dict(session_cookie_again(world, "ana"))
    page.context.add_cookies([{**world.cookies["ana"], "url": world.url}])
    notice.get_by_role("button", name="Try now").click()
    saved(page)
    assert list(world.states().values()) == ["reject"]


def session_cookie_again(world: World, name: str) -> dict[str, str]:
    """A new login of somebody: another session, so another token in its pages."""
    token = open_session(world.engine, get_account(world.engine, name), at=_now(), hours=8)
    return {"name": "assay_admin", "value": token}


def test_flagged_rows_are_accepted_and_rejected_in_bulk(world: World, open_page: Open) -> None:
    page = open_page("/verify/viral")
    expect(page.locator("[data-figure=left]")).to_have_text("17")
    expect(page.locator("#verify-focus")).to_contain_text("Views fell from 20,000 to 900")
    expect(page.locator("#verify-focus dd.v-meant")).to_have_text(["20,000", "900"])
    other = world.first("viral")
    page.get_by_role("button", name="Decide all rows with this reason").click()
    expect(page.locator("#verify-bulk-what")).to_contain_text("12 rows with the reason")
    decide_many(world.engine, [(other.id, 0)], "accept", by="bea", at=_now())
    page.select_option("#verify-bulk-decision", "reject")
    page.get_by_role("button", name="Reject 12 rows").click()
    expect(page.locator(".v-notice")).to_contain_text("11 rows rejected.")
    expect(page.locator("[data-figure=left]")).to_have_text("5")
    press(page, "Enter", "h")
    saved(page)
    assert sorted(world.states("viral").values()) == ["accept", "accept", "high", *["reject"] * 11]
    press(page, "u", "u", "u")
    saved(page)
    expect(page.locator("[data-figure=left]")).to_have_text("16")
    assert list(world.states("viral").values()) == ["accept"]


def test_a_viewer_sees_and_cannot_decide(world: World, open_page: Open) -> None:
    page = open_page(name="vera")
    expect(page.locator("#verify-focus h2")).to_have_text("Serious")
    first = focused(page)
    press(page, "ArrowRight")
    assert focused(page) != first
    press(page, "Enter", "x", "m", "u", "Shift+S")
    assert page.get_by_role("button", name="Reject").count() == 0
    status = page.evaluate(
        """async () => (await fetch("/verify/face/decisions", {method: "POST", headers: {
            "content-type": "application/json",
            "x-csrf-token": document.querySelector("meta[name=csrf]").content},
            body: '{"decision": "reject", "candidates": [[1, 0]]}'})).status"""
    )
    assert status == 403
    assert world.states() == {}


def test_what_the_server_refuses_is_taken_back_and_said(world: World, open_page: Open) -> None:
    page = open_page()
    first = focused(page)
    with transaction(world.engine) as connection:
        connection.execute(text("update admin_users set role = 'viewer' where name = 'ana'"))
    try:
        press(page, "x")
        expect(page.locator(".v-notice.bad")).to_contain_text("1 decision was not taken")
    finally:
        with transaction(world.engine) as connection:
            connection.execute(text("update admin_users set role = 'verifier' where name = 'ana'"))
    expect(page.locator("[data-figure=left]")).to_have_text("70")
    expect(page.locator(f"#v-{first} .tag")).to_have_count(0)
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    assert world.states() == {}


def test_a_person_who_was_forgotten_meanwhile_is_no_obstacle(world: World, open_page: Open) -> None:
    page = open_page()
    with transaction(world.engine) as connection:
        connection.execute(text("delete from candidates where entity = 'user-0'"))
    press(page, "Enter", "Enter", "Enter")
    expect(page.locator(".v-notice")).to_contain_text("no longer there")
    saved(page)
    assert list(world.states().values()) == ["accept"]


def test_the_list_stays_short_in_the_page_and_loads_ahead(world: World, open_page: Open) -> None:
    page = open_page()
    expect(page.locator("#verify-list [role=option]").first).to_be_visible()
    for _ in range(3):
        press(page, "End")
        page.wait_for_timeout(150)
    expect(page.locator("#verify-shown")).to_have_text("70 of 70")
    assert page.locator("#verify-list [role=option]").count() < 50
    press(page, "Home")
    expect(page.locator("#verify-shown")).to_have_text("1 of 70")
    expect(page.locator(".v-current")).to_be_in_viewport()


def test_the_focus_shows_the_photo_its_face_and_what_disagrees(world: World, open_page: Open) -> None:
    page = open_page()
    shown = page.locator(".v-photo img")
    expect(shown).to_have_js_property("complete", True)
    assert shown.evaluate("image => image.naturalWidth") == 192
    picture, box = page.locator(".v-photo").bounding_box(), page.locator(".v-face").bounding_box()
    assert picture is not None
    assert box is not None
    assert (box["x"] - picture["x"]) / picture["width"] == pytest.approx(52 / 192, abs=0.01)
    assert box["height"] / picture["height"] == pytest.approx(104 / 192, abs=0.01)
    expect(page.locator(".v-strip h3")).to_contain_text("disagree")
    page.locator(".v-other-photo").nth(1).click()
    expect(page.locator("#verify-focus h2")).to_have_text("Soft")


def test_a_photo_that_cannot_be_opened_is_rejected_and_nothing_else(world: World, open_page: Open) -> None:
    with transaction(world.engine) as connection:
        bare = text("update candidates set values = values - 'width' - 'height' where id = :id")
        connection.execute(bare, {"id": world.first().id})
    page = open_page()
    expect(page.locator(".v-main .primary")).to_be_disabled()
    expect(page.locator("#verify-obstacle")).to_contain_text("no picture that can be opened")
    expect(page.locator(".v-classes button").first).to_be_disabled()
    first = focused(page)
    press(page, "Enter")
    expect(page.locator("#verify-live")).to_contain_text("no picture that can be opened")
    assert world.states() == {}
    press(page, "x")
    saved(page)
    assert world.states() == {first: "reject"}
    expect(page.locator(".v-main .primary")).to_be_enabled()


def test_a_photo_that_is_gone_says_so_in_its_place(world: World, open_page: Open) -> None:
    page = open_page(f"/verify/face?user=user-{(PHOTOS - 1) // 2}")
    press(page, "ArrowRight")
    shown = page.locator(".v-photo img")
    expect(shown).to_have_js_property("complete", True)
    assert shown.evaluate("image => image.naturalWidth") == 320  # the drawn sentence


def test_the_help_names_every_class_and_closes(world: World, open_page: Open) -> None:
    page = open_page()
    press(page, "?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_be_visible()
    assert dialog.locator(".v-help-classes dd").count() == 15
    press(page, "x")
    press(page, "Escape")
    expect(dialog).to_be_hidden()
    assert world.states() == {}


def test_without_scripts_it_is_a_page_of_forms(world: World, open_page: Open) -> None:
    page = open_page(java_script_enabled=False)
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_load_state()
    page.get_by_role("button", name="Melting").click()
    page.wait_for_load_state()
    assert sorted(world.states().values()) == ["Melting", "accept"]
    page.goto(world.url + "/verify/viral")
    for row in (0, 2):
        page.locator("tbody input").nth(row).check()
    page.locator(".v-bulkform").get_by_role("button", name="Reject").click()
    page.wait_for_load_state()
    assert list(world.states("viral").values()) == ["reject", "reject"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault(world: World, open_page: Open, scheme: str) -> None:
    page = open_page(color_scheme=scheme)
    press(page, "Enter", "x", "m", "s", "v", "ArrowRight")
    saved(page)
    assert _faults(page) == []
    press(page, "Escape", "?")
    assert _faults(page) == []
    press(page, "Escape")
    press(page, "Shift+S")
    assert _faults(page) == []
    page.goto(world.url + "/verify/viral")
    press(page, "Enter")
    saved(page)
    assert _faults(page) == []
    page.get_by_role("button", name="Decide all rows").click()
    expect(page.locator("#verify-bulk")).to_be_visible()
    assert _faults(page) == []


def test_it_works_at_360_pixels_by_touch(world: World, open_page: Open) -> None:
    page = open_page(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    expect(page.locator(".v-photo img")).to_be_in_viewport()
    page.get_by_role("button", name="Confirm").tap()
    page.get_by_role("button", name="Melting").tap()
    page.locator("#verify-list [role=option]").nth(5).tap()
    page.get_by_role("button", name="Reject").tap()
    saved(page)
    assert sorted(world.states().values()) == ["Melting", "accept", "reject"]
    assert _faults(page) == []
    page.goto(world.url + "/verify/viral")
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def _faults(page: Page) -> list[str]:
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found.response["violations"]]


def _now() -> datetime:
    return datetime.now(UTC)
