"""Take the pictures of the README afresh, from a running platform: ``python -m docs.tools.screenshots``.

Needs a chromium on the machine, and a platform with a trained version in production, such as after `make demo`.
"""

from __future__ import annotations

import io
import shutil
import sys
from typing import Any

import httpx
import pyarrow.parquet as pq

from config.settings import Settings, load_settings
from demo.ctr_story import EXPERIMENT
from demo.recommendation_world import SOMEBODY
from docs.tools.pages import DOCS

IMAGES = DOCS / "images"
SIZE = {"width": 1280, "height": 800}


def training_report(settings: Settings) -> str:
    """Address of the newest report of a training run in Prefect."""
    wanted = {"artifacts": {"key": {"any_": ["retrain-viral"]}}, "sort": "CREATED_DESC", "limit": 1}
    found = httpx.post(f"{settings.prefect_url}/artifacts/filter", json=wanted, timeout=20).json()
    return f"{settings.prefect_url.removesuffix('/api')}/artifacts/artifact/{found[0]['id']}"


def production_run(settings: Settings) -> str:
    """Address of the MLflow run that made the version in production."""
    api = f"{settings.mlflow_url}/api/2.0/mlflow"
    asked = {"name": "viral", "alias": "production"}
    version = httpx.get(f"{api}/registered-models/alias", params=asked, timeout=20).json()["model_version"]
    run = httpx.get(f"{api}/runs/get", params={"run_id": version["run_id"]}, timeout=20).json()["run"]["info"]
    return f"{settings.mlflow_url}/#/experiments/{run['experiment_id']}/runs/{run['run_id']}"


def take(page: Any, url: str, name: str, *clicks: str) -> None:
    """One picture, in few colours: a page has few, and the repository keeps each version of it."""
    from PIL import Image

    page.goto(url)
    page.wait_for_timeout(5000)
    for selector in clicks:
        found = page.locator(selector).first
        if found.count():
            found.click()
            page.wait_for_timeout(1000)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(96)
    picture.save(IMAGES / f"{name}.png", optimize=True)
    print(f"docs/images/{name}.png")


def log_in(page: Any, settings: Settings) -> str:
    """Log in to the admin pages as the first admin; their address."""
    address = f"http://127.0.0.1:{settings.admin_port}"
    page.goto(f"{address}/login")
    page.fill("input[name=name]", settings.admin_user or "")
    page.fill(
        "input[type=password]", settings.admin_password.get_secret_value() if settings.admin_password else ""
    )
    page.click("button[type=submit]")
    return address


def viewer(settings: Settings) -> str:
    """Whom the demo asks recommendations for."""
    users = pq.read_table(settings.home / "demo" / "interactions.parquet", columns=["user_id"])["user_id"]
    return next(name for name in users.drop_null().to_pylist() if name.endswith(f"-{SOMEBODY:03d}"))


def main() -> int:
    """Take all of them."""
    from playwright.sync_api import sync_playwright

    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    if browser_path is None:
        print("There is no chromium on this machine.", file=sys.stderr)
        return 1
    settings = load_settings()
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        take(page, training_report(settings), "prefect-report")
        assistant = "[data-component-id='mlflow.assistant.chat_panel.close']"
        clicks = (assistant, "text=Artifacts", "text=plots", "text=confusion.png")
        take(page, production_run(settings), "mlflow-run", *clicks)
        service = f"http://127.0.0.1:{settings.viral_port}"
        take(page, f"{service}/docs", "viral-api", "text=Predict one video")
        page.set_viewport_size({"width": 1280, "height": 1250})
        admin = log_in(page, settings)
        take(page, f"{admin}/experiments/{EXPERIMENT}", "experiment")
        page.set_viewport_size({"width": 1280, "height": 760})
        take(page, f"{admin}/recommendation/user?user={viewer(settings)}", "recommendation")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
