"""The verify page with 100,000 candidates: from a decision's key press until the next photo is painted.

In a real browser, against the pages in a process of their own, on a private PostgreSQL with fsync on and the
folder store. The alternative, in the same run, is the same page without its scripts: a form that is sent, and a
page that is drawn anew.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import Any

import httpx
import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import Engine, text

from benchmarks.database import bench_database
from config.settings import Settings
from demo.faces import draw_face, make_person
from local.ports import free_port
from storage.accounts import create_account
from storage.admin_sessions import open_session
from storage.candidates import Filter, IndexRow, counts, index_candidates, page
from storage.database import transaction
from storage.objects import open_store
from storage.reviews import candidate_key

ROWS, PHOTOS, PIXELS = 100_000, 60, 800
DECISIONS, RELOADS = 100, 40
#: A quick person's pause between two decisions, in milliseconds.
PAUSE_MS = 250
DAY = date(2026, 11, 1)

#: In the page: from the key's own time stamp until the frame that shows the next photo, decoded.
WATCH = """
const shown = () => document.querySelector('.v-photo img');
const painted = async (done) => {
  await shown().decode().catch(() => {});
  requestAnimationFrame(() => {
    const frame = new MessageChannel();
    frame.port1.onmessage = done;
    frame.port2.postMessage(0);
  });
};
addEventListener('keydown', (event) => {
  if (event.key !== 'Enter') return;
  const began = performance.timeOrigin + event.timeStamp, before = shown().src;
  sessionStorage.setItem('began', began);
  const look = () => shown().src === before ? requestAnimationFrame(look) : painted(() => {
    sessionStorage.removeItem('began');
    (window.times ??= []).push(performance.timeOrigin + performance.now() - began);
  });
  if (document.documentElement.classList.contains('v-scripted')) setTimeout(look, 0);
}, true);
addEventListener('DOMContentLoaded', () => {
  const began = Number(sessionStorage.getItem('began'));
  if (began) painted(() => {
    sessionStorage.removeItem('began');
    window.reloaded = performance.timeOrigin + performance.now() - began;
  });
});
"""


def run() -> list[dict[str, Any]]:
    with bench_database(admin_port=free_port()) as (engine, settings, _):
        fill(settings, engine)
        return [*in_the_browser(settings, engine), *queries(engine)]


def fill(settings: Settings, engine: Engine) -> None:
    """100,000 candidates of 20 days, each with a photo of some 50 KB out of sixty."""
    from PIL import Image

    random, store = np.random.default_rng(7), open_store(settings, settings.style_photo_bucket)
    classes = settings.face_classes
    for number in range(PHOTOS):
        drawn = draw_face(classes[number % len(classes)], make_person(random), random)
        path = settings.home / "photo.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(drawn).resize((PIXELS, PIXELS)).save(path, quality=90)
        store.put(f"users/{number}.jpg", path)
    sure = random.beta(3, 2, ROWS)
    each = ROWS // 20
    for day in range(20):
        rows = (_row(number, classes, sure) for number in range(day * each, (day + 1) * each))
        index_candidates(engine, "face", DAY + timedelta(days=day), f"face/candidates/{day}", rows)


def _row(number: int, classes: tuple[str, ...], sure: np.ndarray) -> IndexRow:
    user, label, chance = f"user-{number // 3}", classes[number * 7 % len(classes)], float(sure[number])
    values = {
        "width": PIXELS, "height": PIXELS, "face_x": 210, "face_y": 190, "face_width": 380, "face_height": 420,
        "faces": 1, "sharpness": 120.5, "brightness": 0.5, "model_version": "7",
        "probabilities": {label: chance, classes[number % len(classes)]: (1 - chance) * 0.6},
    }  # fmt: skip
    return IndexRow(
        candidate=candidate_key([f"{user}/{number}.jpg"]), entity=user, label=label, confidence=chance,
        margin=chance / 2, flag=None, kind=None, set_aside=False, image=f"users/{number % PHOTOS}.jpg",
        values=values, rank=chance / 2, cluster=user,
    )  # fmt: skip


def in_the_browser(settings: Settings, engine: Engine) -> list[dict[str, Any]]:
    with pages(settings) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        ours = _opened(browser, url, engine, "with-scripts")
        steady = decide(ours, DECISIONS, PAUSE_MS)
        burst = decide(ours, DECISIONS, 0)
        cards = ours.locator("#verify-list [role=option]").count()
        plain = _opened(browser, url, engine, "plain-forms", scripts=False)
        reloads = decide_by_form(plain, RELOADS)
        browser.close()
    note = f"{ROWS:,} candidates, {DECISIONS} decisions, key press to painted photo; other: the page of forms"
    return [
        _figure("a decision to the next photo, median", median(steady), median(reloads), note),
        _figure("a decision to the next photo, p95", _p95(steady), _p95(reloads), note),
        _figure(
            "the same in a burst without a pause, p95", _p95(burst), None, "each key at once after the paint"
        ),
        {
            "figure": "cards in the page",
            "ours": cards,
            "other": None,
            "ratio": None,
            "unit": "elements",
            "note": "",
        },
    ]


def decide(shown: Page, count: int, pause: int) -> list[float]:
    """Confirm ``count`` photos by the key; milliseconds of each until the next one was painted."""
    shown.evaluate("window.times = []")
    for number in range(count):
        shown.keyboard.press("Enter")
        shown.wait_for_function(f"window.times.length > {number}", polling="raf")
        if pause:
            shown.wait_for_timeout(pause)
    shown.locator("[data-figure=saved]").wait_for(state="hidden")
    times: list[float] = shown.evaluate("window.times")
    return times


def decide_by_form(shown: Page, count: int) -> list[float]:
    """Confirm ``count`` photos by the form's button; milliseconds of each until the new page's was painted."""
    times = []
    for _ in range(count):
        shown.evaluate("window.reloaded = 0")
        shown.locator(".v-main .primary").press("Enter", no_wait_after=True)
        shown.wait_for_function("window.reloaded > 0")
        times.append(float(shown.evaluate("window.reloaded")))
        shown.wait_for_timeout(PAUSE_MS)
    return times


def _opened(browser: Browser, url: str, engine: Engine, name: str, *, scripts: bool = True) -> Page:
    at = datetime.now(UTC)
    account = create_account(engine, name=name, role="verifier", password="a bench password", at=at)  # noqa: S106
    context = browser.new_context(viewport={"width": 1440, "height": 900}, bypass_csp=True)  # for our watch
    context.add_cookies(
        [{"name": "assay_admin", "value": open_session(engine, account, at=at, hours=1), "url": url}]
    )
    shown = context.new_page()
    shown.add_init_script(WATCH)
    if not scripts:
        shown.route("**/*.js", lambda route: route.abort())
    shown.goto(f"{url}/verify/face")
    shown.wait_for_timeout(1500)
    return shown


@contextmanager
def pages(settings: Settings) -> Iterator[str]:
    """The admin pages in a process of their own."""
    password = settings.db_password.get_secret_value() if settings.db_password else ""
    environment = {
        "ASSAY_HOME": str(settings.home), "DB_HOST": "127.0.0.1", "DB_PORT": str(settings.db_port),
        "DB_USER": settings.db_user, "DB_PASSWORD": password, "DB_NAME": settings.db_name,
        "ADMIN_PORT": str(settings.admin_port),
    }  # fmt: skip
    process = subprocess.Popen([sys.executable, "-m", "serving.admin"], env={**os.environ, **environment})
    url = f"http://127.0.0.1:{settings.admin_port}"
    try:
        _wait_for(url, process)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/health", timeout=2, trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError("The pages did not start.")


def queries(engine: Engine) -> list[dict[str, Any]]:
    """What the page asks of the database, against paging by OFFSET."""
    everything, some = Filter("face"), Filter("face", label="Soft", least=0.3, most=0.7)
    deep = _place(engine, 90_000)
    rows = []
    for name, ours, other in (
        ("first 200 of the queue", lambda: page(engine, everything, limit=200), lambda: _offset(engine, 0)),
        (
            "200 behind the 90,000th",
            lambda: page(engine, everything, after=deep, limit=200),
            lambda: _offset(engine, 90_000),
        ),
        ("200 of a class by confidence", lambda: page(engine, some, limit=200), None),
        ("counts of all filters", lambda: counts(engine, everything), None),
    ):
        note = "other: OFFSET 200 rows at a time" if other else ""
        rows.append(_figure(name, _timed(ours), _timed(other) if other else None, note))
    return rows


def _place(engine: Engine, number: int) -> tuple[float, str, int]:
    query = text(
        "select rank, cluster, id from candidates where family = 'face' and state = 'waiting'"
        " order by rank, cluster, id offset :number limit 1"
    )
    with transaction(engine) as connection:
        rank, cluster, found = connection.execute(query, {"number": number}).one()
    return rank, cluster, found


def _offset(engine: Engine, number: int) -> Any:
    query = text(
        "select * from candidates where family = 'face' and state = 'waiting'"
        " order by rank, cluster, id offset :number limit 200"
    )
    with transaction(engine) as connection:
        return connection.execute(query, {"number": number}).fetchall()


def _timed(work: Callable[[], Any], times: int = 30) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - began))
    return median(taken)


def _p95(values: list[float]) -> float:
    return float(np.percentile(values, 95))


def _figure(name: str, ours: float, other: float | None, note: str) -> dict[str, Any]:
    ratio = None if other is None else other / ours
    return {"figure": name, "ours": ours, "other": other, "ratio": ratio, "unit": "ms", "note": note}
