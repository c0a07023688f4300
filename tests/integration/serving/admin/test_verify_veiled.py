"""Pictures of image moderation on the verify page: blurred until asked for, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from sqlalchemy import Engine

from config.settings import Settings
from storage.candidates import index_candidates
from storage.moderation_images import store_image
from storage.reviews import candidate_key
from tests.browsing import launch
from tests.verify_world import DAY, photo, photo_row, served, session_cookie

FILTER = "(image) => getComputedStyle(image).filter"


@pytest.fixture
def page(settings: Settings, engine: Engine) -> Iterator[Page]:
    rows = []
    for number in range(3):
        key = store_image(settings, photo(number))
        doubt = {"label": "nsfw", "flag": "a doubt", "kind": "a doubt"}
        rows.append(photo_row(number, candidate=candidate_key([key]), image=key, **doubt))
    index_candidates(engine, "imagery", DAY, f"imagery/candidates/{DAY}", rows)
    cookie = dict(session_cookie(engine, "ana", "verifier"))
    with sync_playwright() as playwright, served(settings) as pages:
        browser = launch(playwright)
        context = browser.new_context()
        context.add_cookies([{**cookie, "url": pages.url}])  # type: ignore[typeddict-item]
        made = context.new_page()
        made.goto(f"{pages.url}/verify/imagery")
        yield made
        browser.close()


def test_pictures_are_blurred_until_somebody_asks_to_see_them(page: Page) -> None:
    thumbs, large = page.locator(".v-thumb img"), page.locator(".v-photo img")
    expect(thumbs).to_have_count(3)
    for image in (thumbs.first, large.first):
        assert "blur" in image.evaluate(FILTER)

    page.get_by_label("Show the pictures clearly").check()

    for image in (thumbs.first, large.first):
        assert image.evaluate(FILTER) == "none"
    page.reload()
    assert "blur" in large.first.evaluate(FILTER)


def test_the_picture_that_comes_next_is_blurred_too(page: Page) -> None:
    page.keyboard.press("Enter")
    expect(page.locator(".v-photo img")).to_have_count(1)
    assert "blur" in page.locator(".v-photo img").evaluate(FILTER)
