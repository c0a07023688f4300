"""What every page must stand in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, ViewportSize

WIDE = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=360, height=740)
_WIDTHS = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"


def launch(playwright: Playwright) -> Browser:
    """A browser without a window."""
    return playwright.chromium.launch(
        executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
    )


def new_context(browser: Browser, url: str, cookie: Mapping[str, Any] | None, **options: Any) -> BrowserContext:
    """Somebody at ``url`` with that cookie of a session, on a wide screen unless ``options`` say otherwise."""
    made = browser.new_context(**{"viewport": WIDE, "reduced_motion": "reduce", **options})
    made.set_default_timeout(15_000)
    if cookie is not None:
        made.add_cookies([{**cookie, "url": url}])  # type: ignore[typeddict-item]
    return made


@contextmanager
def watched_page(context: BrowserContext, url: str) -> Iterator[Page]:
    """A page; fails where the browser complained, or asked another host than ``url`` for anything."""
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request", lambda asked: None if asked.url.startswith((url, "data:")) else complaints.append(asked.url)
    )
    yield page
    context.close()
    assert [one for one in complaints if "status of 4" not in one] == []


def violations(page: Page) -> list[str]:
    """What axe finds wrong with the page as it stands."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {[node['html'][:160] for node in one['nodes'][:3]]}" for one in found]


def check_for_everybody(page: Page) -> None:
    """One heading, nothing that axe finds in light and dark, and no sideways scrolling on a phone."""
    assert page.locator("h1").count() == 1
    page.emulate_media(color_scheme="light")
    assert violations(page) == [], "light"
    page.emulate_media(color_scheme="dark")
    assert violations(page) == [], "dark"
    page.set_viewport_size(PHONE)
    wide, visible = page.evaluate(_WIDTHS)
    assert wide <= visible
