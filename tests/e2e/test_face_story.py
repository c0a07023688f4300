"""Photos all the way, as the demo goes: uploaded, verified, versioned, trained on and asked about."""

from __future__ import annotations

import pytest

from config.settings import Settings
from demo.face_story import ask_face
from tests.e2e.conftest import World, told


def test_the_version_that_was_promoted_knows_a_new_face(settings: Settings, world: World) -> None:
    style, answer = ask_face(settings, world.face)
    assert answer["class"] == style
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-6)
    assert answer["photos"][0]["face_box"] is not None


def test_a_full_version_holds_gold_and_what_the_admin_confirmed_or_corrected(
    settings: Settings, world: World
) -> None:
    versions = {one["version"] for one in told(settings, "datasets", "list", "face")}
    stages = {name.split("/")[1] for name in versions}
    assert stages == {"candidates", "verified", "full", "gold"}
    newest = max(name for name in versions if "/full/" in name)
    shown = told(settings, "datasets", "show", newest)
    assert sum(shown["classes"].values()) == shown["rows"] > 15 * world.photos.gold_a_class
